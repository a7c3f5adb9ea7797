import { Readable } from 'node:stream';
import type { Cache } from '../cache.js';
import type { Scope } from '../stats/statistics.js';
import { json, type OperationsReply, UNKEPT } from './messages.js';

/** How often figures are sent, ms. */
const PERIOD = 1000;
/** How many may follow one cache at a time. */
const MOST_STREAMS = 50;

const open = new WeakMap<Cache, Set<ReportStream>>();

/** The figures as server-sent events; 503 where too many follow them already. */
export function eventsOf(cache: Cache, scope: Scope, authorized: boolean, method: string): OperationsReply {
  // A proxy is not to gather what should be seen at once.
  const headers = { ...UNKEPT, 'Content-Type': 'text/event-stream; charset=utf-8', 'X-Accel-Buffering': 'no' };
  if (method === 'HEAD') return { status: 200, headers, body: '' };
  const streams = streamsOf(cache);
  if (streams.size >= MOST_STREAMS) return json(503, { error: 'too many follow the figures already' });
  const stream = new ReportStream(cache, scope, authorized);
  streams.add(stream);
  stream.once('close', () => streams.delete(stream));
  return { status: 200, headers, body: stream };
}

function streamsOf(cache: Cache): Set<ReportStream> {
  const known = open.get(cache);
  if (known !== undefined) return known;
  const streams = new Set<ReportStream>();
  open.set(cache, streams);
  cache.onClose(() => {
    for (const stream of streams) stream.finish();
  });
  return streams;
}

/**
 * One report now and then each second (WHATWG HTML §9.2), until whoever reads them goes or the cache is closed. A reader
 * that does not read is sent nothing more meanwhile.
 */
class ReportStream extends Readable {
  readonly #cache: Cache;
  readonly #scope: Scope;
  readonly #authorized: boolean;
  #timer: NodeJS.Timeout | undefined;
  #begun = false;
  #finished = false;

  constructor(cache: Cache, scope: Scope, authorized: boolean) {
    super();
    this.#cache = cache;
    this.#scope = scope;
    this.#authorized = authorized;
  }

  /** Nothing more follows: the cache is closed. */
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
    try {
      const report = await this.#cache.statistics.report(this.#scope, this.#authorized);
      this.#timer = undefined;
      if (!this.destroyed && !this.#finished) this.push(`event: stats\ndata: ${JSON.stringify(report)}\n\n`);
    } catch (error) {
      // Whatever it is, it ends this stream and not the process; whoever reads comes again.
      this.destroy(error as Error);
    }
  }
}
