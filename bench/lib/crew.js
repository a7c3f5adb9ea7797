// The contenders of a scene while it runs. One that fails is out, and its row says why; if it is ours, all ends.

import { join } from 'node:path';
import { Contender, Unavailable } from './contender.js';
import { applyLoad } from './load.js';
import { payload } from './traffic.js';
import { warm } from './warming.js';

/** Asked once before a scene of 304s: the tag of what is stored. */
async function tagOf(port) {
  const headers = { 'x-client-id': 'client-123', accept: 'application/json', 'accept-language': 'en-GB,en;q=0.9' };
  const url = `http://127.0.0.1:${port}/users?sort=name&page=0`;
  const answers = [await fetch(url, { headers }), await fetch(url, { headers })];
  const tag = answers.at(-1).headers.get('etag');
  if (tag === null) throw new Error('an answer without an ETag');
  return tag;
}

export class Crew {
  /** Why somebody is out, by entry. */
  failures = new Map();
  contenders = [];
  #context;
  #body;
  /** All whom it has started, and who may be still there. */
  #started = [];

  /** @param {object} context the run: `options`, `node`, `redis`, `say` */
  constructor(context, size) {
    this.#context = context;
    this.#body = payload(size);
  }

  /** Starts them all. */
  async start(entries, settings) {
    const started = await Promise.all(
      entries.map((entry) => this.attempt(entry, () => this.startOne(entry, {}, settings))),
    );
    this.contenders = started.filter((each) => each !== undefined);
  }

  /** Starts one. `config`: what it is told beside what its entry says. */
  async startOne(entry, config = {}, settings = {}) {
    const { node, redis, options } = this.#context;
    const told = { size: this.#body.length, redis: redis.port, slug: entry.slug, dist: entry.dist, ...config };
    const profile = options.profile && this.profileFile(entry);
    const contender = await Contender.start(entry, { ...told, profile }, { execPath: node.execPath, ...settings });
    this.#started.push(contender);
    if (entry.traffic.condition) {
      contender.request = conditional(contender.request, await tagOf(contender.port));
    }
    return contender;
  }

  /** What `work` gives; if it fails, `entry` is out. */
  async attempt(entry, work) {
    try {
      return await work();
    } catch (error) {
      if (entry.ours && !(error instanceof Unavailable)) {
        throw new Error(`${entry.scene} ${entry.name}: ${error.message}`, { cause: error });
      }
      this.failures.set(entry, reasonOf(error.message));
      this.#context.say(`${entry.scene} ${entry.name}: ${error.message}`);
      this.contenders = this.contenders.filter((each) => each.entry !== entry);
      // A wrong answer ends nobody: it would go on beside the others, and the bench would wait for it at its end.
      await Promise.all(this.#started.filter((each) => each.entry === entry).map((each) => each.stop()));
      return undefined;
    }
  }

  /** One after the other, each on an empty Redis and with what it needs started by `work` itself: a row for each. */
  async oneByOne(entries, work) {
    const rows = [];
    for (const entry of entries) {
      const { name, group, what, ours, peer } = entry;
      await this.#context.redis.client.flushall();
      const figures = await this.attempt(entry, () => work(entry));
      rows.push({ name, group, what, ours, peer, ...(figures ?? { failed: this.failures.get(entry) }) });
    }
    return rows;
  }

  /**
   * The closed loop on one of them, for so many seconds, or until there were `most` answers, but never fewer than `least`;
   * the seconds of `leadIn` before are not counted.
   */
  load(contender, { seconds, leadIn = 0, most = Number.POSITIVE_INFINITY, least = 0 }) {
    const ask = (question) => contender.ask(question);
    return applyLoad(contender.port, { ...this.job(contender), seconds, leadIn, most, least, ask });
  }

  /** The closed loop until V8 has made its code, and each page that is asked for by turns is there. */
  warm(contender) {
    const bounds = { ...this.#context.options.warming, urls: contender.entry.config.urls };
    return warm((each) => this.load(contender, each), bounds);
  }

  /** What a load has to know of a contender. */
  job({ entry, request }) {
    return {
      connections: this.#context.options.connections,
      // A core for the contender, one for the load, one for Redis; where they are fewer, they have to share.
      awake: Math.round(this.#context.freeCores) >= (asksRedis(entry) ? 3 : 2),
      request,
      expected: { body: this.#body, mark: entry.mark, ...entry.expected },
    };
  }

  profileFile({ slug }) {
    return join(this.#context.options.profile, `${this.#context.node.name}-${slug}.cpuprofile`);
  }

  async stop() {
    await Promise.all(this.contenders.map((each) => each.stop()));
  }
}

/** Whether Redis has work while a contender is loaded: with both tiers only where memory has no room for all that is asked for. */
export function asksRedis({ config: { store = 'memory', cacheOptions }, traffic }) {
  return store === 'tiers' ? traffic.keys > (cacheOptions?.maxItems ?? Infinity) : store !== 'memory';
}

/** What a row has room for: of the last words of a process the line that names the error, which is not the first. */
export function reasonOf(message) {
  const lines = message.split('\n');
  return (lines.find((line) => /^\w*Error(?: \[\w+\])?: /.test(line)) ?? lines[0]).slice(0, 120);
}

/** The same requests, each with a condition. */
function conditional(request, tag) {
  return () => {
    const text = request().toString('latin1');
    return `${text.slice(0, -2)}If-None-Match: ${tag}\r\n\r\n`;
  };
}

/** Each round begins at another place, every other one goes backwards: nobody always follows the same one. */
export function order(list, round, rounds) {
  const first = Math.floor((round * list.length) / rounds);
  const rotated = [...list.slice(first), ...list.slice(0, first)];
  return round % 2 === 0 ? rotated : rotated.reverse();
}
