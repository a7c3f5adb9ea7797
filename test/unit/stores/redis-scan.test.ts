import { describe, expect, it } from 'vitest';
import { encode, PREAMBLE } from '../../../src/entry/codec.js';
import type { RedisLink } from '../../../src/stores/redis-link.js';
import { framesOf, headOf, keysBelow } from '../../../src/stores/redis-scan.js';
import { valueEntry } from '../../../src/testing/suite/entries.js';

/** A link to a Redis that answers commands so. */
const linked = (commands: object) => ({ send: (work: (to: object) => unknown) => work(commands) }) as RedisLink;

const wrongType = async () => {
  throw new Error('WRONGTYPE Operation against a key holding the wrong kind of value');
};

describe('framesOf', () => {
  it('asks for a MiB at a time, or for one frame that is longer', async () => {
    const lengths: Record<string, number> = { a: 400_000, b: 400_000, c: 300_000, d: 2_000_000, e: 1, f: 700_000 };
    const link = linked({
      strlen: (key: string) => (key === 'x' ? wrongType() : Promise.resolve(lengths[key])),
      getBuffer: (key: string) => (key === 'x' ? wrongType() : Promise.resolve(Buffer.alloc(1))),
    });
    const steps: string[] = [];
    for await (const step of framesOf(link, ['x', ...Object.keys(lengths)]))
      steps.push(step.map(([key]) => key).join(''));
    expect(steps).toEqual(['xab', 'c', 'd', 'ef']);
  });

  it('leaves out what has gone since it was found, and gives nothing for what is no text', async () => {
    const frame = Buffer.from('frame');
    const link = linked({
      strlen: (key: string) => (key === 'list' ? wrongType() : Promise.resolve(5)),
      getBuffer: (key: string) => (key === 'list' ? wrongType() : Promise.resolve(key === 'gone' ? null : frame)),
    });
    const steps = [];
    for await (const step of framesOf(link, ['here', 'gone', 'list'])) steps.push(step);
    expect(steps).toEqual([
      [
        ['here', frame],
        ['list', undefined],
      ],
    ]);
  });
});

it('fails where Redis does', async () => {
  const fails = async () => {
    throw new Error('connection lost');
  };
  const link = linked({ strlen: fails, getrangeBuffer: fails });
  await expect(framesOf(link, ['k']).next()).rejects.toThrow('connection lost');
  await expect(headOf(link, 'k')).rejects.toThrow('connection lost');
});

describe('headOf', () => {
  const entry = valueEntry({ tags: ['t'.repeat(1000)], body: Buffer.from('body') });
  const frame = encode('k', entry);
  /** What it finds where the second piece of a long head is taken from something else. */
  const found = (then: () => Promise<Buffer>) => {
    let asked = 0;
    const getrangeBuffer = (_key: string, from: number, to: number) =>
      asked++ === 0 ? Promise.resolve(frame.subarray(from, to + 1)) : then();
    return headOf(linked({ getrangeBuffer }), 'k');
  };

  it('is the whole of it, however long', async () => {
    const head = await found(async () => frame.subarray(0, -4));
    expect(head).toEqual({
      entry: { ...entry, body: Buffer.alloc(0) },
      bytes: 4,
      preamble: frame.subarray(0, PREAMBLE),
    });
  });

  it.each<[what: string, then: () => Promise<Buffer>]>([
    ['gone', async () => Buffer.alloc(0)],
    ['replaced by something shorter', async () => Buffer.from('x')],
    ['replaced by another type', wrongType],
    ['replaced by something as long', async () => Buffer.alloc(frame.length - 4)],
  ])('is none where its key was %s between two looks', async (_what, then) => {
    expect(await found(then)).toBeUndefined();
  });
});

it('goes on over the connection that it has begun with, and over no other, also of a server of a Cluster', async () => {
  // That is made as the server is first asked.
  const server: { stream?: object; scan(from: string): Promise<[string, string[]]> } = {
    async scan(from) {
      server.stream ??= {};
      return [String(Number(from) + 1), [`k${from}`]];
    },
  };
  const link = { keyPrefix: '', owners: async () => 'a', masters: () => [server] } as unknown as RedisLink;
  const steps = keysBelow(link, '');
  for (const key of ['k0', 'k1', 'k2']) expect((await steps.next()).value).toEqual([key]);
  server.stream = {};
  await expect(steps.next()).rejects.toThrow('the connection to Redis was lost');
});
