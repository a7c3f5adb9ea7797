// The bench's side of the talk with a contender, which is a process of its own.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { requests } from './traffic.js';

const STOP_DEADLINE = 10_000;
/** How much of what a contender says on standard error is kept, for the reason why it ended. */
const KEPT = 2000;
const running = new Set();

/** Nothing outlives the bench, however it ends; without a bench at all the contenders end by themselves. */
export function killAll() {
  for (const child of running) child.kill('SIGKILL');
}

/** What the build under test, this machine, or this run does not have. */
export class Unavailable extends Error {}

export class Contender {
  entry;
  port = 0;
  /** What it has said as it began. */
  began;
  /** How many requests it has answered in its turns. */
  answers = 0;
  /** How many more before those: they do not count, but a profile has them, too. */
  led = 0;
  /** How many of the answers were not of the kind to be measured. */
  unmarked = 0;
  /** The next request, as a text or bytes. */
  request;
  #child;
  #said = '';

  constructor(entry, child) {
    this.entry = entry;
    this.request = requests(entry.traffic ?? {});
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#said = (this.#said + text).slice(-KEPT);
    });
  }

  /**
   * `config`: what the process is told beside what its entry says; `execPath`: the Node that runs it.
   * @throws {Unavailable} if it has not what is wanted
   */
  static async start(entry, config, { execPath = process.execPath, execArgv = [] } = {}) {
    const file = fileURLToPath(new URL(`../contenders/${entry.file}`, import.meta.url));
    const wanted = { ...entry.config, ...config };
    // Nothing else of the caller's environment: it could hold settings of the cache or of Node.
    const child = fork(file, [JSON.stringify(wanted)], {
      execPath,
      execArgv,
      env: { NODE_ENV: 'production', PATH: process.env.PATH },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    const contender = new Contender(entry, child);
    contender.began = await contender.#reply();
    if (contender.began.unavailable !== undefined) throw new Unavailable(contender.began.unavailable);
    contender.port = contender.began.port;
    return contender;
  }

  /** Asks for one of the things that `serve.js` knows of. */
  ask(question) {
    this.#child.send(question);
    return this.#reply();
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), STOP_DEADLINE);
    await exit;
    clearTimeout(patience);
  }

  async #reply() {
    const settled = new AbortController();
    const { signal } = settled;
    try {
      return await Promise.race([
        once(this.#child, 'message', { signal }).then(([message]) => message),
        once(this.#child, 'close', { signal }).then(() => {
          throw new Error(`the process has ended: ${this.#said.trim()}`);
        }),
      ]);
    } finally {
      settled.abort();
    }
  }
}
