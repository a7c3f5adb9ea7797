// Plays scripts through the real middleware on a real server, and writes down what was to be seen from outside.

import { EventEmitter, once } from 'node:events';
import { Agent, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { setImmediate as tick } from 'node:timers/promises';
import { type Cache, createCache } from 'respcache';
import { ask } from '../adapters/client.js';
import { createHost, type Framework, type Host, Layer } from '../adapters/hosts.js';
import type { Run, Step } from './compare.js';
import { tagsOf } from './conditions.js';
import { type Line, textOf } from './messages.js';
import { filledIn } from './placeholders.js';
import type { Origin, Script } from './scripts.js';

/** Whole seconds, so that sums of them are exact. Well before now: nobody takes the real time by mistake. */
const START = Date.UTC(2026, 0, 1) / 1000;
/** How long a refresh in the background may take to begin, ms of real time. */
const PATIENCE = 1000;

/** What a script is played on: an application with the cache in front of a handler that says what it is told. */
export class Stage {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #plays = new Map<string, Play>();
  readonly #host: Host;
  readonly #cache: Cache;
  #now = START;
  #count = 0;

  /** `options`: those of `createCache`. */
  constructor(framework: Framework, options: object) {
    this.#cache = createCache({ redis: false, clock: { now: () => this.#now * 1000 }, ...options });
    this.#host = createHost(framework, this.#cache);
    const layer = new Layer(
      (req, res) => {
        const { status, fields, body } = this.#say(req.path, req.method, req.headers);
        res.statusCode = status;
        setAll(res, fields);
        res.end(body);
      },
      (ctx) => {
        const { status, fields, body } = this.#say(ctx.path, ctx.method, ctx.headers);
        setAll(ctx.res, fields);
        ctx.status = status;
        // Without one Koa makes it a 204, also for HEAD, where it sends none.
        ctx.body = body === '' ? null : body;
      },
    );
    this.#host.all('/:id', {}, layer);
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    await this.#host.close();
    await this.#cache.close();
  }

  /** Plays a script at a URL of its own. */
  async play(script: Script): Promise<Step[]> {
    const path = `/${++this.#count}`;
    const play = new Play(this.#now);
    this.#plays.set(path, play);
    const steps: Step[] = [];
    for (const { wait, method, fields, origin } of script) {
      this.#now += wait;
      play.origin = origin;
      play.runs = [];
      steps.push(await this.#ask(path, play, method, filled(fields, this.#now, play.start)));
    }
    this.#plays.delete(path);
    return steps;
  }

  async #ask(path: string, play: Play, method: string, fields: readonly Line[]): Promise<Step> {
    const time = this.#now;
    const answer = await ask(await this.#host.port(), path, { method, headers: grouped(fields), agent: this.#agent });
    const { status, lines, text } = answer;
    await this.#settled(play, textOf({ fields: lines }, 'X-Run'), textOf({ fields: lines }, 'Cache-Status') ?? '');
    const { runs } = play;
    return {
      request: { method, fields },
      time,
      endTime: this.#now,
      runs,
      answer: { status, fields: lines, body: text },
    };
  }

  /** Waits for a refresh in the background to begin, where the answer says that it is stale, and to be stored. */
  async #settled(play: Play, run: string | undefined, status: string): Promise<void> {
    if (play.runs.length === 0 && /; hit\b/.test(status) && /; ttl=-/.test(status)) {
      await once(play.began, 'run', { signal: AbortSignal.timeout(PATIENCE) }).catch(() => {});
    }
    if (play.runs.length > 0 && run !== play.runs[0]!.response.fields.find(([name]) => name === 'X-Run')?.[1]) {
      for (let i = 0; i < 10; i++) await tick();
    }
  }

  /** What the handler says; it writes down that it was asked. */
  #say(path: string, method: string, headers: IncomingHttpHeaders) {
    const play = this.#plays.get(path);
    if (play === undefined) throw new Error(`nothing is played at ${path}`);
    const requestTime = this.#now;
    const { origin } = play;
    this.#now += origin.takes;
    const run = String(++this.#count).padStart(9, '0');
    const response = responseOf(origin, headers, run, filled(origin.fields, this.#now, play.start));
    const sent = ['If-None-Match', 'If-Modified-Since'].flatMap((name): Line[] => {
      const value = headers[name.toLowerCase()];
      return value === undefined ? [] : [[name, String(value)]];
    });
    play.add({ request: { method, fields: sent }, response, requestTime, responseTime: this.#now });
    return response;
  }
}

/** What is being played at one URL. */
class Play {
  readonly start: number;
  readonly began: EventEmitter = new EventEmitter();
  origin!: Origin;
  runs: Run[] = [];

  constructor(start: number) {
    this.start = start;
  }

  add(run: Run): void {
    this.runs.push(run);
    this.began.emit('run');
  }
}

function responseOf({ status, confirms }: Origin, headers: IncomingHttpHeaders, run: string, fields: readonly Line[]) {
  const match = headers['if-none-match'];
  const since = headers['if-modified-since'];
  if (confirms === 'no' || (match === undefined && since === undefined)) {
    const bodiless = status === 204;
    return { status, fields: [...fields, ['X-Run', run] as const], body: bodiless ? '' : `run ${run}` };
  }
  // A 304 repeats the Vary of the response that it confirms, which the handler here does not know.
  const others = fields.filter(([name]) => !['etag', 'last-modified', 'vary'].includes(name.toLowerCase()));
  const validators: Line[] = [];
  const tag = match === undefined ? undefined : tagsOf(match)[0];
  if (confirms === 'same' && tag !== undefined && tag !== '*') validators.push(['ETag', tag]);
  if (confirms === 'same' && since !== undefined) validators.push(['Last-Modified', since]);
  return { status: 304, fields: [...others, ...validators, ['X-Fresh', run] as const], body: '' };
}

function filled(fields: readonly Line[], now: number, start: number): Line[] {
  return fields.map(([name, value]) => [name, filledIn(value, now, start)] as const);
}

/** Lines as Node takes them: several of one name as a list. */
function grouped(fields: readonly Line[]): Record<string, string | string[]> {
  const groups: Record<string, string | string[]> = {};
  for (const [name, value] of fields) {
    const before = groups[name];
    groups[name] = before === undefined ? value : [before, value].flat();
  }
  return groups;
}

function setAll(res: ServerResponse, fields: readonly Line[]): void {
  for (const [name, value] of Object.entries(grouped(fields))) res.setHeader(name, value);
}
