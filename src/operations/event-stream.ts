import { Readable } from 'node:stream';
import type { Cache } from '../cache.js';
import type { Scope } from '../stats/statistics.js';
import { json, type OperationsReply, type OperationsRequest, UNKEPT } from './messages.js';

/** How often figures are sent, ms. */
const PERIOD = 1000;
/** For how long what one of them is told is told others, too, ms. */
const SHARED = PERIOD / 2;
/** How many may follow one cache at a time; and as many again of those who may see all, whom nobody is to keep out. */
const MOST_STREAMS = 50;

const open = new WeakMap<Cache, Followers>();

/** Of a request: how it asks, and whether its server is about to end. */
type Asking = Pick<OperationsRequest, 'method' | 'closing' | 'authorized'>;

/** The figures as server-sent events; 503 where too many follow them already, and where all is about to end. */
export function eventsOf(cache: Cache, scope: Scope, authorized: boolean, request: Asking): OperationsReply {
  // Neither a proxy nor a layer that compresses is to gather what should be seen at once.
  const headers = {
    ...UNKEPT,
    'Cache-Control': `${UNKEPT['Cache-Control']}, no-transform`,
    'Content-Type': 'text/event-stream; charset=utf-8',
    'X-Accel-Buffering': 'no',
  };
  if (request.method === 'HEAD') return { status: 200, headers, body: '' };
  if (cache.closed || request.closing()) return json(503, { error: 'the server is about to end' });
  const followers = followersOf(cache);
  if (followers.count(authorized) >= MOST_STREAMS) return json(503, { error: 'too many follow the figures already' });
  const stream = new ReportStream(followers, scope, authorized, request);
  followers.add(stream, authorized);
  return { status: 200, headers, body: stream };
}

function followersOf(cache: Cache): Followers {
  const known = open.get(cache);
  if (known !== undefined) return known;
  const followers = new Followers(cache);
  open.set(cache, followers);
  return followers;
}

/**
 * All who follow the figures of one cache. They are read once for those who want the same at about the same time: those of a hundred
 * processes are some megabytes, which take Redis and this process their time.
 */
class Followers {
  readonly #cache: Cache;
  /** By whether they could see all as they came. */
  readonly #streams = { true: new Set<ReportStream>(), false: new Set<ReportStream>() };
  readonly #told = new Map<string, { readonly at: number; readonly text: Promise<string> }>();

  constructor(cache: Cache) {
    this.#cache = cache;
    cache.onClose(() => {
      for (const stream of [...this.#streams.true, ...this.#streams.false]) stream.finish();
    });
  }

  count(authorized: boolean): number {
    return this.#streams[`${authorized}`].size;
  }

  add(stream: ReportStream, authorized: boolean): void {
    const streams = this.#streams[`${authorized}`];
    streams.add(stream);
    stream.once('close', () => {
      streams.delete(stream);
      if (this.count(true) + this.count(false) === 0) this.#told.clear();
    });
  }

  /** The figures as text, of now or of a moment ago. */
  figures(scope: Scope, authorized: boolean): Promise<string> {
    const kind = `${scope} ${authorized}`;
    const now = performance.now();
    const last = this.#told.get(kind);
    if (last !== undefined && now - last.at < SHARED) return last.text;
    const text = this.#cache.statistics.report(scope, authorized).then((report) => JSON.stringify(report));
    this.#told.set(kind, { at: now, text });
    return text;
  }
}

/**
 * One report now and then each second (WHATWG HTML §9.2), until whoever reads them goes, the cache is closed, or the server. A reader
 * that does not read is sent nothing more meanwhile.
 */
class ReportStream extends Readable {
  readonly #followers: Followers;
  readonly #scope: Scope;
  /** As it was asked last; `undefined` once it has been used: sessions end, and a stream may go on for days. */
  #authorized: boolean | undefined;
  readonly #request: Asking;
  #timer: NodeJS.Timeout | undefined;
  #begun = false;
  #finished = false;

  constructor(followers: Followers, scope: Scope, authorized: boolean, request: Asking) {
    super();
    this.#followers = followers;
    this.#scope = scope;
    this.#authorized = authorized;
    this.#request = request;
  }

  /** Nothing more follows: the cache is closed, or its server waits for this one. */
  finish(): void {
    this.#finished = true;
    clearTimeout(this.#timer);
    this.push(null);
  }

  override _read(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#send(), this.#begun ? PERIOD : 0).unref();
    this.#begun = true;
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    done(error);
  }

  async #send(): Promise<void> {
    if (this.#request.closing()) return this.finish();
    try {
      const authorized = this.#authorized ?? (await this.#request.authorized());
      this.#authorized = undefined;
      const figures = await this.#followers.figures(this.#scope, authorized);
      this.#timer = undefined;
      if (!this.destroyed && !this.#finished) this.push(`event: stats\ndata: ${figures}\n\n`);
    } catch (error) {
      // Whatever it is, it ends this stream and not the process; whoever reads comes again.
      this.destroy(error as Error);
    }
  }
}
