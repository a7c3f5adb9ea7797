// A steady load of requests, each answer of which is judged.

import { Agent, request } from 'node:http';
import { vi } from 'vitest';
import { EVERYTHING, type Floor, type Item } from './world.js';

/** Between two requests to one application, ms. */
const PACE = 10;
/** No answer may take longer, ms: the deadline (50) and the handler (10) on a machine that has much else to do. */
const HARD_CAP = 2000;

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** The field `Cache-Status`. */
  readonly cache: string;
  /** Milliseconds. */
  readonly took: number;
}

/** Asks once. Rejects if the connection fails, or no answer comes before the cap (ms). */
export function ask(
  port: number,
  method: string,
  path: string,
  client: string,
  agent?: Agent,
  cap: number = HARD_CAP,
): Promise<Answer> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const headers = { 'x-client-id': client };
    const sent = request({ port, host: '127.0.0.1', method, path, headers, ...(agent ? { agent } : {}) }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => {
        const cache = String(res.headers['cache-status'] ?? '');
        const body = Buffer.concat(chunks).toString();
        resolve({ status: res.statusCode ?? 0, body, cache, took: performance.now() - started });
      });
    });
    sent.setTimeout(cap, () => sent.destroy(new Error(`no answer within ${cap} ms`)));
    sent.on('error', reject);
    sent.end();
  });
}

/** Requests at a steady pace to one application, whether those before are answered or not. */
export class Load {
  /** What was wrong with an answer. There must be nothing. */
  readonly violations: string[] = [];
  answers = 0;
  hits = 0;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #port: number;
  readonly #floor: Floor;
  #timer: NodeJS.Timeout | undefined;
  #next = 0;
  #open = new Set<Promise<void>>();

  constructor(port: number, floor: Floor) {
    this.#port = port;
    this.#floor = floor;
    this.#timer = setInterval(() => this.#send(), PACE);
  }

  /** Waits until so many requests more have been answered. */
  async answered(count: number): Promise<void> {
    const target = this.answers + count;
    await vi.waitFor(() => atLeast('answers', this.answers, target), { timeout: 15_000, interval: 10 });
  }

  /** Waits until so many more have been answered from the cache. */
  async hit(count: number): Promise<void> {
    const target = this.hits + count;
    await vi.waitFor(() => atLeast('hits', this.hits, target), { timeout: 15_000, interval: 10 });
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    this.#agent.destroy();
  }

  #send(): void {
    const item = EVERYTHING[this.#next++ % EVERYTHING.length]!;
    const floor = this.#floor.of(item);
    const asked = ask(this.#port, 'GET', `/items/${item.id}`, item.client, this.#agent).then(
      (answer) => this.#judge(item, floor, answer),
      (error: Error) => this.#violated(item, error.message),
    );
    const done = asked.finally(() => this.#open.delete(done));
    this.#open.add(done);
  }

  #judge(item: Item, floor: number, { status, body, cache, took }: Answer): void {
    this.answers++;
    if (cache.includes('; hit')) this.hits++;
    if (status !== 200) {
      this.#violated(item, `status ${status}: ${body}`);
      return;
    }
    if (took > HARD_CAP) this.#violated(item, `took ${took} ms`);
    const { version, ...found } = JSON.parse(body) as Item & { version: number };
    if (found.client !== item.client || found.id !== item.id) this.#violated(item, `somebody else's: ${body}`);
    if (version < floor) this.#violated(item, `version ${version} after ${floor} was due (${cache})`);
  }

  #violated({ client, id }: Item, what: string): void {
    this.violations.push(`${client} item ${id}: ${what}`);
  }
}

function atLeast(what: string, count: number, target: number): void {
  if (count < target) throw new Error(`${what}: ${count} of ${target}`);
}
