import { randomUUID } from 'node:crypto';
import { withDeadline } from '../stores/guard.js';
import type { RedisLink } from '../stores/redis-link.js';
import type { Part } from './report.js';

/** A process of which nothing is heard for so many times its interval is gone. */
const MISSED = 4;
/** Of how many processes figures are read at the most, and how long one's may be, bytes. */
const MOST = 500;
const LONGEST = 1_048_576;
/** How long Redis may take, ms: nobody but the asker waits for it. */
const DEADLINE = 1000;
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
    this.#index = `${options.prefix}{respcache}:stats`;
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
        client.pexpire(this.#index, life),
      ]);
    } catch {
      // The next time, perhaps: what fails here fails elsewhere, too, and is told there.
    } finally {
      this.#publishing = false;
    }
  }

  /** What the other processes have told lately. Rejects if Redis cannot be reached. */
  async others(): Promise<Part[]> {
    return withDeadline(this.#read(), DEADLINE, 'reading the figures of all processes');
  }

  /** Takes this process' figures away: it is gone. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#timer === undefined || !this.#link.connected) return;
    const { client } = this.#link;
    const gone = Promise.all([client.zrem(this.#index, this.#id), client.del(this.#key(this.#id))]);
    await Promise.resolve(withDeadline(gone, FAREWELL, 'leaving')).catch(() => {});
  }

  async #read(): Promise<Part[]> {
    await this.#link.ready();
    const { client } = this.#link;
    await client.zremrangebyscore(this.#index, '-inf', String(this.#options.now()));
    const ids = (await client.zrange(this.#index, String(-MOST), '-1')).filter((id) => id !== this.#id);
    if (ids.length === 0) return [];
    const texts = await client.mget(ids.map((id) => this.#key(id)));
    return texts.flatMap((text) => (text === null ? [] : readPart(text)));
  }

  #key(id: string): string {
    return `${this.#index}:${id}`;
  }
}

/** What another version of this package has written is left out, not misread. */
function readPart(text: string): Part[] {
  try {
    const part = JSON.parse(text) as Part;
    return typeof part.counted.all.fresh === 'number' && typeof part.facts.since === 'number' ? [part] : [];
  } catch {
    return [];
  }
}
