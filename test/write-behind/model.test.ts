import fc from 'fast-check';
import { type Cache, createCache } from 'respcache';
import { expect, it } from 'vitest';

/** What is done to one of the keys, and for how many turns of the event loop nothing is done then. */
const step = fc.record({
  what: fc.constantFrom('write' as const, 'write' as const, 'read' as const, 'invalidate' as const),
  key: fc.constantFrom('a', 'b'),
  turns: fc.nat(3),
});
/** How an attempt goes. */
const attempt = fc.record({ fails: fc.boolean(), turns: fc.nat(8) });
const plan = fc.record({
  steps: fc.array(step, { maxLength: 25 }),
  attempts: fc.array(attempt, { minLength: 1, maxLength: 40 }),
  coalesce: fc.boolean(),
  retries: fc.nat(2),
  concurrency: fc.constantFrom(1, 2),
});
type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never;

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
}

/** A cache over a database, and what has become of the writes of each key. */
class World {
  readonly written = new Map<string, number[]>([...'ab'].map((key) => [key, []]));
  readonly ended = new Map<string, number[]>([...'ab'].map((key) => [key, []]));
  readonly database = new Map<string, number>([...'ab'].map((key) => [key, 0]));
  readonly #active = new Set<string>();
  readonly #tried = new Map<string, number>();
  #calls = 0;

  constructor(cache: Cache, { attempts, coalesce, retries, concurrency }: Plan) {
    cache.onWriteBehind<number>(
      'save',
      async ({ id, key, value, attempt }) => {
        expect(this.#active.has(key)).toBe(false);
        this.#active.add(key);
        expect(this.#active.size).toBeLessThanOrEqual(concurrency);
        expect(attempt).toBe((this.#tried.get(id) ?? 0) + 1);
        expect(attempt).toBeLessThanOrEqual(retries + 1);
        this.#tried.set(id, attempt);
        const how = attempts[this.#calls++ % attempts.length]!;
        await turns(how.turns);
        this.#active.delete(key);
        if (how.fails) {
          if (attempt > retries) this.ended.get(key)!.push(value);
          throw new Error('as planned');
        }
        this.database.set(key, value);
        this.ended.get(key)!.push(value);
      },
      { coalesce, retries, concurrency, backoff: () => 0 },
    );
  }

  pending(key: string): boolean {
    return this.written.get(key)!.at(-1) !== this.ended.get(key)!.at(-1);
  }
}

it('whatever fails, and whoever reads meanwhile: each write ends once, in order, and the cache tells the truth', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async (planned) => {
      const cache = createCache({ redis: false });
      const world = new World(cache, planned);
      const { written, ended, database } = world;
      const invalidated = new Set<string>();
      let value = 0;
      for (const { what, key, turns: pause } of planned.steps) {
        if (what === 'write') {
          written.get(key)!.push(++value);
          await cache.writeBehind(key, value, 'c', { handler: 'save' });
          invalidated.delete(key);
        } else if (what === 'invalidate') {
          await cache.delete(key, 'c');
          invalidated.add(key);
        } else {
          await cache.getOrSet(key, () => database.get(key), 'c');
        }
        for (const each of ['a', 'b']) {
          const found = await cache.get(each, 'c');
          if (world.pending(each) && !invalidated.has(each)) expect(found).toBe(written.get(each)!.at(-1));
        }
        await turns(pause);
      }
      await cache.flush();
      for (const key of ['a', 'b']) {
        const all = written.get(key)!;
        const those = ended.get(key)!;
        expect(those).toEqual(planned.coalesce ? all.filter((each) => those.includes(each)) : all);
        expect(those.at(-1)).toBe(all.at(-1));
        expect([undefined, database.get(key)]).toContain(await cache.get(key, 'c'));
      }
      const dead = (await cache.deadLetters()).length;
      expect(await cache.discardDeadLetters()).toBe(dead);
      await cache.close();
    }),
    { numRuns: 150 },
  );
});
