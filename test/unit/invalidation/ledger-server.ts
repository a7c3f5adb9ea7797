// The ledger as Redis has it, in this process: a test says when an answer comes.

import { EventEmitter } from 'node:events';
import type { LogRecord } from '../../../src/invalidation/ledger-tail.js';
import { type Geometry, type Purge, PurgeTable } from '../../../src/invalidation/purge-table.js';
import { APPEND, BEGIN, SNAPSHOT } from '../../../src/invalidation/redis-scripts.js';
import type { RedisLink } from '../../../src/stores/redis-link.js';

export const SMALL: Geometry = { rows: 2, bits: 6, patterns: 4 };

type Kind = 'head' | 'log' | 'news' | 'snapshot' | 'append' | 'begin';

/** An answer that is on its way. */
export interface Held {
  /** When the server has been asked, and has answered. */
  readonly asked: Promise<void>;
  /** Lets the answer come, or an error in its place. */
  release(error?: Error): void;
}

interface Hold {
  asked(): void;
  readonly released: Promise<void>;
}

export class LedgerServer {
  /** What it has been asked for. */
  readonly asked: Kind[] = [];
  readonly link: RedisLink;
  /** The connection that the log is followed on. */
  readonly twin: EventEmitter & { status: string; disconnect(again?: boolean): void };
  connections = 1;
  log: LogRecord[] = [];
  #table!: PurgeTable;
  /** Goes on, whatever is put back. */
  #clock = 99;
  readonly #holds = new Map<Kind, Hold[]>();
  #onReady = () => {};
  #wake = () => {};

  constructor() {
    this.begin('2.6.4.first');
    const server = this;
    const xread = async (_count: string, step: number, ...rest: unknown[]) => {
      const from = String(rest.at(-1));
      if (this.#after(from).length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
      const records = this.#after(from).slice(0, step);
      return this.#answer('news', records.length === 0 ? null : [['log', records]]);
    };
    this.twin = Object.assign(new EventEmitter(), { status: 'ready', disconnect: () => this.quiet(), xread });
    const to = {
      get: () => this.#answer('head', this.head),
      xrange: (_key: string, from: string) => this.#answer('log', this.#after(from.replace(/-1$/, '-0'))),
    };
    this.link = {
      connected: true,
      get connections() {
        return server.connections;
      },
      ready: () => {},
      renew: () => {},
      onReady: (listener: () => void) => {
        this.#onReady = listener;
      },
      duplicate: () => this.twin,
      send: (command: (to: unknown) => Promise<unknown>) => command(to),
      run: (script: unknown, _keys: unknown, args: [string, string, string]) => this.#run(script, args),
    } as unknown as RedisLink;
  }

  get head(): string {
    return `${this.#table.epoch}:${this.#table.sequence}`;
  }

  /** Enters a purge, as another process would; gives its place. */
  enter(purge: Purge): number {
    const before = this.#table.sequence;
    const sequence = this.#next(before);
    this.#table.apply(purge, sequence);
    this.log.push([`${sequence}-0`, ['p', String(before), 'd', JSON.stringify(purge)]]);
    this.#wake();
    return sequence;
  }

  /** Begins an epoch, as another process would. */
  begin(name: string, sequence = this.#next(0)): string {
    this.#table = new PurgeTable(`${name}.${sequence}`, sequence, SMALL);
    this.log = [[`${sequence}-0`, ['p', '', 'd', '']]];
    this.#wake();
    return this.head;
  }

  /** Gives a function that puts everything back to how it is now. */
  save(): () => void {
    const { epoch, sequence, buckets, patterns } = this.#table;
    const [savedBuckets, savedPatterns, savedLog] = [buckets?.slice(), [...patterns], [...this.log]];
    return () => {
      this.#table = new PurgeTable(epoch, sequence, SMALL, savedBuckets, savedPatterns);
      this.log = savedLog;
    };
  }

  /** A connection has been made anew. */
  reconnect(): void {
    this.connections++;
    this.#onReady();
  }

  /** Whoever waits for news is told that there are none. */
  quiet(): void {
    this.#wake();
  }

  /** Holds the next answer of a kind back. */
  hold(kind: Kind): Held {
    let [asked, release]: [() => void, (error?: Error) => void] = [() => {}, () => {}];
    const told = new Promise<void>((resolve) => (asked = resolve));
    const released = new Promise<void>((resolve, reject) => {
      release = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.#holds.set(kind, [...(this.#holds.get(kind) ?? []), { asked, released }]);
    return { asked: told, release };
  }

  #next(known: number): number {
    this.#clock = Math.max(this.#clock, known) + 1;
    return this.#clock;
  }

  #after(id: string): LogRecord[] {
    return this.log.filter(([each]) => Number.parseInt(each, 10) > Number.parseInt(id, 10));
  }

  #run(script: unknown, [first, second, third]: [string, string, string]): Promise<unknown> {
    if (script === SNAPSHOT) return this.#answer('snapshot', this.#snapshot());
    if (script === BEGIN) {
      const found = first === this.head ? this.begin(second, this.#next(Number(third))) : undefined;
      return this.#answer('begin', found === undefined ? ['EPOCH', this.head] : ['OK', found]);
    }
    if (script !== APPEND) throw new Error('an unknown script');
    if (first !== this.#table.epoch) return this.#answer('append', ['EPOCH', this.head]);
    const before = String(this.#table.sequence);
    const sequence = this.enter(JSON.parse(third) as Purge);
    return this.#answer('append', ['OK', String(sequence), before]);
  }

  async #answer<T>(kind: Kind, answer: T): Promise<T> {
    this.asked.push(kind);
    const held = this.#holds.get(kind)?.shift();
    held?.asked();
    await held?.released;
    return answer;
  }

  #snapshot(): [Buffer, Buffer, Buffer[]] {
    const { sequence, patterns, buckets } = this.#table;
    const numbers = [sequence, patterns.length, ...(buckets ?? [])];
    const bytes = Buffer.alloc(numbers.length * 8);
    for (const [i, number] of numbers.entries()) bytes.writeDoubleBE(number, i * 8);
    const lines = patterns.map(({ sequence, ...pattern }) => `${sequence} 16 ${JSON.stringify(pattern)}`);
    return [Buffer.from(this.head), bytes, lines.map((line) => Buffer.from(line))];
  }
}
