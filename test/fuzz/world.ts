// What really happened: every request as the application saw it, every run of a handler, every invalidation. Server and
// clients are one process, so the answers can be held against it.

import type { IncomingHttpHeaders } from 'node:http';

/** A request as the outermost layer of the application saw it. */
export interface Seen {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

/** What the directives of a response allow, as far as other people are concerned. */
export interface Openness {
  readonly isPublic: boolean;
  readonly mustRevalidate: boolean;
  readonly isPrivate: boolean;
  readonly noStore: boolean;
  readonly noCache: boolean;
}

/** One run of the handler. */
export interface Run {
  readonly id: string;
  /** The number of the request that it was for; `-1` if that had none. */
  readonly no: number;
  readonly seen: Seen;
  readonly startedAt: number;
  openness: Openness;
  vary: string[];
  tags: string[];
  setsCookie: boolean;
  /** Whether it says a Content-Location. */
  located: boolean;
  status: number;
  /** Whether the handler has said an entity tag. */
  tagged: boolean;
  /** The bytes that it sends; `undefined` where its framework makes them. */
  body: Buffer | undefined;
  /** How it answers; for messages. */
  way: string;
  /** It may break the connection off, or leave the answer incomplete. */
  breaks: boolean;
  /** What it says of its length is wrong, so that what follows on the wire is rubbish. */
  sloppy: boolean;
  /** It leaves the answer to the framework's error handler. */
  fails: boolean;
  /** Its framework makes a 304 of it, if the request is conditional. */
  confirms: boolean;
  /** It writes past Koa, which is the cache's business only in part. */
  past: boolean;
  /** When the handler was done with it. */
  endedAt: number | undefined;
}

export interface Purge {
  readonly what: string;
  readonly startedAt: number;
  /** When its promise was resolved, or its client had the answer. */
  readonly resolvedAt: number;
  readonly matches: (run: Run) => boolean;
}

const CLOSED: Openness = { isPublic: false, mustRevalidate: false, isPrivate: false, noStore: false, noCache: false };

export class World {
  readonly seen: Map<number, Seen> = new Map();
  readonly runs: Map<string, Run> = new Map();
  readonly purges: Purge[] = [];
  /** The entity tags that the cache has made, and the body of each. */
  readonly tagsMade: Map<string, string> = new Map();
  readonly etags: string[] = [];
  #tick = 0;

  /** A moment: later moments are greater. */
  tick(): number {
    return ++this.#tick;
  }

  see(method: string, target: string, headers: IncomingHttpHeaders): void {
    const no = numberOf(headers);
    // A refresh in the background comes with the fields of the request that it stems from.
    if (no >= 0 && !this.seen.has(no)) this.seen.set(no, { method, target, headers: { ...headers } });
  }

  begin(method: string, target: string, headers: IncomingHttpHeaders): Run {
    const run: Run = {
      id: `t${this.runs.size}`,
      no: numberOf(headers),
      seen: { method, target, headers: { ...headers } },
      startedAt: this.tick(),
      openness: CLOSED,
      vary: [],
      tags: [],
      setsCookie: false,
      located: false,
      status: 0,
      tagged: false,
      body: undefined,
      way: '',
      breaks: false,
      sloppy: false,
      fails: false,
      confirms: false,
      past: false,
      endedAt: undefined,
    };
    this.runs.set(run.id, run);
    return run;
  }

  runsFor(no: number): Run[] {
    return [...this.runs.values()].filter((run) => run.no === no);
  }
}

function numberOf(headers: IncomingHttpHeaders): number {
  const text = headers['x-request-no'];
  // Twice, so that a request that was made odd is not taken for another.
  const found = typeof text === 'string' ? /^(\d+)=\1$/.exec(text) : null;
  return found === null ? -1 : Number(found[1]);
}

/** The bytes of a run's answer: its name again and again, so that each part of them tells where it comes from. */
export function bytesOf(id: string, length: number): Buffer {
  return Buffer.alloc(length, `${id}|`);
}
