// An Express application with a cache, and what its cache says of requests before they are sent.

import type { Cache, CacheOptions, Explanation, RouteOptions } from 'respcache';
import { type Answer, ask } from '../adapters/client.js';
import { createHost, type Host, type Source } from '../adapters/hosts.js';
import type { Bench } from '../service/backends.js';
import { manualClock } from '../service/backends.js';

type Headers = Record<string, string>;

export interface Sent {
  readonly method?: string;
  readonly headers?: Headers;
}

export class Stage {
  readonly clock: ReturnType<typeof manualClock> = manualClock();
  readonly cache: Cache;
  readonly host: Host;

  constructor(bench: Bench, options: CacheOptions = {}) {
    this.cache = bench.open({ clock: this.clock, ...options });
    this.host = createHost('express 5', this.cache);
    bench.atEnd(() => this.host.close());
  }

  /** A route that answers with these fields. */
  route(path: string, headers: Headers = {}, options: RouteOptions<Source> = {}, status = 200): this {
    this.host.get(path, options, () => ({ status, headers, body: `at ${path}` }));
    return this;
  }

  async ask(target: string, sent: Sent = {}): Promise<Answer> {
    return ask(await this.host.port(), target, sent);
  }

  /** What it says of the request that `ask` would send. Functions among the options are given what they use of Express'. */
  async explain(target: string, sent: Sent = {}, options?: RouteOptions<Source>): Promise<Explanation> {
    const headers = { host: `127.0.0.1:${await this.host.port()}`, ...sent.headers };
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    return this.cache.explain({ url: target, headers, source: { headers: lower }, ...method(sent) }, options);
  }
}

function method({ method }: Sent): { method?: string } {
  return method === undefined ? {} : { method };
}

/** The text of a step. */
export function textOf(explanation: Explanation, step: string): string | undefined {
  return explanation.steps.filter((each) => each.step === step).at(-1)?.text;
}

/** The steps that speak against an answer from the cache, but for the last one, which says what follows. */
export function against(explanation: Explanation): string[] {
  return explanation.steps.filter(({ ok, step }) => !ok && step !== 'answer').map(({ step }) => step);
}
