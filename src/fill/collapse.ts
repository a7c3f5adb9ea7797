import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../clock.js';
import { withDeadline } from '../deadline.js';
import type { Position } from '../entry/entry.js';
import { remember } from '../remember.js';
import type { MaybePromise } from '../types.js';
import type { LeaseState } from './lease.js';

/** What a request for a key that is not there is to do. */
export type Turn<R> =
  /** Run the handler; others wait for what it makes: `lead` must be told. */
  | { readonly kind: 'lead'; readonly lead: Lead<R> }
  /** Somebody else has made it. */
  | { readonly kind: 'result'; readonly result: R }
  /** Run the handler; nobody waits for it. */
  | { readonly kind: 'run' }
  /** Whoever made it has gone: look again, and take part again. */
  | { readonly kind: 'again' };

/** How the one who runs tells those who wait. Only the first word counts. */
export interface Lead<R> {
  /** It is made. `written`: when it is in the store, so that other processes can be let go to look for it. */
  filled(result: R, written: MaybePromise<unknown>): void;
  /** There is nothing to share: everybody runs. `remember`: for how many ms nobody queues for this key again. */
  unfilled(remember: number): void;
  /** It has been broken off, which says nothing of the key: those who wait take part again, and one of them runs. */
  abandoned(): void;
}

/** The leases of a key over processes; each call has its deadline and may reject, which means: go on without. */
export interface LeaseTable {
  take(key: string, ms: number, asOf: Position, stands: (asOf: Position) => boolean): Promise<LeaseState>;
  release(key: string, pass: number, asOf: Position): Promise<void>;
}

/** A run as it begins. */
export interface Begun {
  readonly key: string;
  /** What the process knows of the ledger as it begins; `undefined`: too little to share anything. */
  readonly asOf: Position | undefined;
  /** Whether what began at a position is not known to be dead: nobody waits for what will be dead. */
  stands(asOf: Position): boolean;
}

/** A request that takes part. */
export interface Part<R> extends Begun {
  /** Looks again for what another process may have stored meanwhile. */
  look(): Promise<R | undefined>;
  /** Redis has just failed it: other processes are not asked, as it would wait for Redis a second time. */
  readonly alone?: boolean;
}

export interface CollapseOptions {
  readonly clock: Clock;
  /** `undefined` where no other process shares the store. */
  readonly leases: LeaseTable | undefined;
  /** How long one waits for another's run before one runs too, ms. */
  readonly patience: number;
  /** Whether waiting holds the process. Default `false`: a client that is still there does, by its connection; one that has gone is not to. */
  readonly holds?: boolean;
  /** How many may wait at the same time, whatever they wait for; one that comes then runs by itself. Default 10,000. */
  readonly mostWaiting?: number;
}

/** What a run comes to; `undefined`: nothing, and the next one would not either. */
type Outcome<R> = { readonly result: R } | 'abandoned' | undefined;

/** A run that others may wait for. Most of them nobody does: the promise is made when somebody asks for it. */
class Flight<R> {
  readonly asOf: Position;
  /** When somebody came upon it first, ms. Of most nobody does: that they begin is not worth a look at the clock. */
  #met: number | undefined;
  hasBegun = false;
  #done: Promise<Outcome<R>> | undefined;
  #resolve: ((outcome: Outcome<R>) => void) | undefined;

  constructor(asOf: Position) {
    this.asOf = asOf;
  }

  /** What it comes to. To be asked for before it is settled. */
  get done(): Promise<Outcome<R>> {
    this.#done ??= new Promise((resolve) => {
      this.#resolve = resolve;
    });
    return this.#done;
  }

  /** The handler is run: until now it may have waited for another process. */
  begin(): void {
    this.#met = undefined;
    this.hasBegun = true;
  }

  /** For a request that comes upon it: how long it has been under way since the first one did, ms. */
  meet(): number {
    const now = performance.now();
    this.#met ??= now;
    return now - this.#met;
  }

  settle(outcome: Outcome<R>): void {
    this.#resolve?.(outcome);
  }
}

const RUN = { kind: 'run' } as const;
const AGAIN = { kind: 'again' } as const;
const MOST_WAITING = 10_000;
/** How many runs one may come upon: a handler of Koa's that never ends, as its client has gone, would leave its own for good. */
const MOST_FLIGHTS = 10_000;
/** How many keys are remembered as not worth waiting for. */
const MOST_PASSED = 10_000;
/** How long this process believes another that a key is not worth waiting for, before it asks again, ms. */
const PASS_AGAIN = 1000;
/** How long a lease lasts without being renewed, ms: others wait that long for a process that has died. */
const LEASE = 1000;
/** How often a process looks whether another one is done, ms: from the first pause, doubling, to the last. */
const FIRST_PAUSE = 4;
const LAST_PAUSE = 50;

/**
 * Makes one of many: of all requests that find nothing under a key, in this process and, by a lease, in the others, one
 * runs the handler. Those who wait are let go as soon as it turns out that there will be nothing for them.
 */
export class Collapse<R> {
  readonly #options: CollapseOptions;
  readonly #flights = new Map<string, Flight<R>>();
  readonly #passed = new Map<string, { readonly from: number; readonly until: number }>();
  #waiting = 0;

  constructor(options: CollapseOptions) {
    this.#options = options;
  }

  /** How many runs others may be waiting for. */
  get size(): number {
    return this.#flights.size;
  }

  /** Takes part. */
  enter(part: Part<R>): MaybePromise<Turn<R>> {
    const { key, asOf } = part;
    if (asOf === undefined || this.#isPassed(key)) return RUN;
    const current = this.#current(key);
    if (current !== undefined && part.stands(current.asOf)) return this.#wait(key, current);
    const flight = new Flight<R>(asOf);
    remember(this.#flights, key, flight, MOST_FLIGHTS);
    const { leases } = this.#options;
    return leases === undefined || part.alone ? this.#lead(key, flight, false) : this.#leadOver(part, flight, leases);
  }

  /** Leads without making others wait for the decision: `undefined` if somebody leads already. For refreshes, and for writers. */
  async tryLead({ key, asOf, stands }: Begun): Promise<Lead<R> | undefined> {
    const { leases } = this.#options;
    if (asOf === undefined || this.#isPassed(key)) return undefined;
    const current = this.#current(key);
    if (current !== undefined && stands(current.asOf)) return undefined;
    const flight = new Flight<R>(asOf);
    remember(this.#flights, key, flight, MOST_FLIGHTS);
    const state = leases === undefined ? 'taken' : await leases.take(key, LEASE, asOf, stands).catch(() => undefined);
    // What Redis may grant late, nobody uses any more.
    if (state === undefined) void leases?.release(key, 0, asOf).catch(() => {});
    const turn = this.#lead(key, flight, leases !== undefined && state === 'taken');
    if (state === 'taken') return turn.lead;
    turn.lead.abandoned();
    return undefined;
  }

  /** The run of a key that one may wait for: of one that goes on for longer than anybody would wait, nobody knows that it ends. */
  #current(key: string): Flight<R> | undefined {
    const flight = this.#flights.get(key);
    return flight !== undefined && flight.meet() < this.#options.patience ? flight : undefined;
  }

  get #isFull(): boolean {
    return this.#waiting >= (this.#options.mostWaiting ?? MOST_WAITING);
  }

  async #wait(key: string, flight: Flight<R>): Promise<Turn<R>> {
    if (this.#isFull) return RUN;
    this.#waiting++;
    const { patience, holds = false } = this.#options;
    const { hasBegun } = flight;
    try {
      return turnOf(await withDeadline(flight.done, patience, 'wait', holds));
    } catch {
      // Unless it has begun meanwhile nobody would wait for it any more; and it would keep all who have, if it never ends.
      if (flight.hasBegun === hasBegun) this.#forget(key, flight);
      return RUN;
    } finally {
      this.#waiting--;
    }
  }

  /** Waits for the other processes, too, before this one runs. */
  async #leadOver(part: Part<R>, flight: Flight<R>, leases: LeaseTable): Promise<Turn<R>> {
    const { key, stands, look } = part;
    const { patience } = this.#options;
    const until = performance.now() + patience;
    for (let ms = FIRST_PAUSE; performance.now() < until; ms = Math.min(ms * 2, LAST_PAUSE)) {
      const state = await leases.take(key, LEASE, flight.asOf, stands).catch(() => undefined);
      if (state === undefined) {
        // Redis may grant late what nobody waits for any more: it is given back behind that.
        void leases.release(key, 0, flight.asOf).catch(() => {});
        return this.#lead(key, flight, false);
      }
      if (state === 'pass') {
        this.#remember(key, PASS_AGAIN);
        return this.#end(key, flight, undefined);
      }
      // Whoever had the lease before us stored first and gave it back then: what we found missing may be there now.
      const result = await look().catch(() => undefined);
      if (result !== undefined) {
        if (state === 'taken') void leases.release(key, 0, flight.asOf).catch(() => {});
        return this.#end(key, flight, { result });
      }
      if (state === 'taken') return this.#lead(key, flight, true);
      if (this.#isFull) break;
      this.#waiting++;
      await pause(ms);
      this.#waiting--;
    }
    return this.#lead(key, flight, false);
  }

  #end(key: string, flight: Flight<R>, outcome: Outcome<R>): Turn<R> {
    this.#forget(key, flight);
    flight.settle(outcome);
    return turnOf(outcome);
  }

  #forget(key: string, flight: Flight<R>): void {
    // A later one may have taken its place.
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }

  #lead(key: string, flight: Flight<R>, leased: boolean): { kind: 'lead'; lead: Lead<R> } {
    let told = false;
    flight.begin();
    const renewal = leased ? this.#renew(key, flight.asOf) : undefined;
    const once = (outcome: Outcome<R>, written: MaybePromise<unknown>, pass: number) => {
      if (told) return;
      told = true;
      clearInterval(renewal);
      this.#end(key, flight, outcome);
      if (pass > 0) this.#remember(key, pass);
      if (leased) void this.#giveBack(key, flight.asOf, written, pass);
    };
    const lead: Lead<R> = {
      filled: (result, written) => once({ result }, written, 0),
      unfilled: (remember) => once(undefined, undefined, remember),
      abandoned: () => once('abandoned', undefined, 0),
    };
    return { kind: 'lead', lead };
  }

  /** Keeps a lease while the handler runs, for as long as anybody would wait for it. */
  #renew(key: string, asOf: Position): NodeJS.Timeout {
    const until = performance.now() + this.#options.patience;
    const timer = setInterval(() => {
      if (performance.now() > until) clearInterval(timer);
      else this.#options.leases?.take(key, LEASE, asOf, () => true).catch(() => {});
    }, LEASE / 3);
    return timer.unref();
  }

  async #giveBack(key: string, asOf: Position, written: MaybePromise<unknown>, pass: number): Promise<void> {
    try {
      await written;
    } catch {
      // It could not be stored: the next process runs for itself.
    }
    await this.#options.leases?.release(key, pass, asOf).catch(() => {});
  }

  #isPassed(key: string): boolean {
    const passed = this.#passed.get(key);
    if (passed === undefined) return false;
    const now = this.#options.clock.now();
    // Before it began: the clock has been put back.
    if (passed.from <= now && now < passed.until) return true;
    this.#passed.delete(key);
    return false;
  }

  #remember(key: string, ms: number): void {
    const from = this.#options.clock.now();
    remember(this.#passed, key, { from, until: from + ms }, MOST_PASSED);
  }
}

/** What a request that has waited for a run is to do, by what the run came to. */
function turnOf<R>(outcome: Outcome<R>): Turn<R> {
  if (outcome === undefined) return RUN;
  return outcome === 'abandoned' ? AGAIN : { kind: 'result', result: outcome.result };
}
