// The bench's side of the talk with a contender, which is a process of its own.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const STOP_DEADLINE = 10_000;
const running = new Set();

/** Nothing outlives the bench, however it ends; without a bench at all the contenders end by themselves. */
export function killAll() {
  for (const child of running) child.kill('SIGKILL');
}

export class Contender {
  entry;
  port = 0;
  /** What it has said as it began. */
  began;
  /** How many requests it has answered in its turns. */
  answers = 0;
  /** How many of the answers were not of the kind to be measured. */
  unmarked = 0;
  #child;
  #page = 0;

  constructor(entry, child) {
    this.entry = entry;
    this.#child = child;
  }

  /** `config`: what the process is told beside what its entry says. */
  static async start(entry, config) {
    const file = fileURLToPath(new URL(`../contenders/${entry.file}`, import.meta.url));
    const wanted = { ...entry.config, ...config };
    // Nothing of the caller's environment: it could hold settings of the cache or of Node.
    const child = fork(file, [JSON.stringify(wanted)], {
      execArgv: [],
      env: { NODE_ENV: 'production' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    const contender = new Contender(entry, child);
    contender.began = await contender.#reply();
    contender.port = contender.began.port;
    return contender;
  }

  /** The number of the next page to be asked for: each once, or the same ones again and again. */
  nextPage(urls) {
    return this.entry.fresh ? this.#page++ : this.#page++ % urls;
  }

  /** Asks for one of the things that `serve.js` knows of. */
  ask(question) {
    this.#child.send(question);
    return this.#reply();
  }

  async stop() {
    const exit = once(this.#child, 'exit');
    this.#child.disconnect();
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
        once(this.#child, 'exit', { signal }).then(() => {
          throw new Error(`${this.entry.name}: the process has ended`);
        }),
      ]);
    } finally {
      settled.abort();
    }
  }
}
