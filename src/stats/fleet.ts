import { randomUUID } from 'node:crypto';
import { withDeadline } from '../deadline.js';
import type { RedisLink } from '../stores/redis-link.js';
import { isPart } from './part.js';
import { type Part, type Report, reportOf } from './report.js';

/** A process is gone of which nothing is heard for this many of its intervals. */
const MISSED = 4;
/** How long after it is gone its place in the list is cleared, ms: the clocks of machines may differ. */
const FORGOTTEN = 3_600_000;
/** How long the list stays behind the last that has told its figures, ms: another may tell its own but once a day. */
const LISTED = 86_400_000 * MISSED;
/** Of how many processes figures are read at the most, and how long one's may be, bytes. */
const MOST = 500;
const LONGEST = 1_048_576;
/** How long Redis may take, ms: nobody but the asker waits for it. */
const DEADLINE = 1000;
const READING = 'reading the figures of all processes';
/** How long its farewell may take, ms: the figures expire anyway. */
const FAREWELL = 250;

export interface FleetOptions {
  readonly prefix: string;
  /** Seconds between two publications; 0: this process publishes nothing. */
  readonly interval: number;
  /** What this process has to tell, bounded. */
  part(): Part;
  readonly now: () => number;
}

/**
 * The figures of all processes that share a Redis: each one puts its own there now and then, in the background, under a
 * key that expires. The keys are in the ledger's slot, so that they can be read in one step.
 */
export class Fleet {
  readonly #id = randomUUID();
  readonly #link: RedisLink;
  readonly #options: FleetOptions;
  readonly #index: string;
  readonly #timer: NodeJS.Timeout | undefined;
  #publishing = false;

  constructor(link: RedisLink, options: FleetOptions) {
    this.#link = link;
    this.#options = options;
    this.#index = indexOf(options.prefix);
    if (options.interval > 0) this.#timer = setInterval(() => void this.publish(), options.interval * 1000).unref();
  }

  /** Puts this process' figures where the others find them. Never rejects: where Redis is down there is nobody to tell. */
  async publish(): Promise<void> {
    const { interval, part, now } = this.#options;
    if (!this.#link.connected || this.#publishing) return;
    const text = JSON.stringify(part());
    if (text.length > LONGEST) return;
    const life = Math.ceil((interval > 0 ? interval : 5) * 1000 * MISSED);
    const { client } = this.#link;
    this.#publishing = true;
    try {
      await Promise.all([
        client.set(this.#key(this.#id), text, 'PX', life),
        client.zadd(this.#index, String(now() + life), this.#id),
        client.zremrangebyscore(this.#index, '-inf', String(now() - FORGOTTEN)),
        client.pexpire(this.#index, LISTED),
      ]);
    } catch {
      // The next time, perhaps: what fails here fails elsewhere, too, and is told there.
    } finally {
      this.#publishing = false;
    }
  }

  /** What the other processes have told lately. Rejects if Redis cannot be reached. */
  async others(): Promise<Part[]> {
    return withDeadline(partsIn(this.#link, this.#index, this.#id), DEADLINE, READING);
  }

  /** Takes this process' figures away: it is gone. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#timer === undefined || !this.#link.connected) return;
    const { client } = this.#link;
    const gone = Promise.all([client.zrem(this.#index, this.#id), client.del(this.#key(this.#id))]);
    await withDeadline(gone, FAREWELL, 'leaving').catch(() => {});
  }

  #key(id: string): string {
    return `${this.#index}:${id}`;
  }
}

/**
 * The figures of all processes, for a caller that is none of them (the command line); `undefined` if none tells its. Rejects if
 * Redis cannot be reached.
 */
export async function fleetReport(link: RedisLink, prefix: string): Promise<Report | undefined> {
  const now = Date.now();
  const [first, ...rest] = await withDeadline(partsIn(link, indexOf(prefix)), DEADLINE, READING);
  return first === undefined ? undefined : reportOf([first, ...rest], { scope: 'fleet', now, authorized: true });
}

function indexOf(prefix: string): string {
  return `${prefix}{respcache}:stats`;
}

async function partsIn(link: RedisLink, index: string, except?: string): Promise<Part[]> {
  await link.ready();
  // Those that are gone have no figures any more. Nothing is written: a replica or a user who may only read will do.
  const ids = (await link.send((to) => to.zrange(index, String(-MOST), '-1'))).filter((id) => id !== except);
  if (ids.length === 0) return [];
  const texts = await link.send((to) => to.mget(ids.map((id) => `${index}:${id}`)));
  return texts.flatMap((text) => (text === null ? [] : readPart(text)));
}

/** What another version of this package has written, or somebody else, is left out, not misread. */
function readPart(text: string): Part[] {
  try {
    const part: unknown = JSON.parse(text);
    return isPart(part) ? [part] : [];
  } catch {
    return [];
  }
}
