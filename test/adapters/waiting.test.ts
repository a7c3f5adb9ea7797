// Who waits for another request's answer, and who runs the handler beside it.

import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Gate, NEWEST, numbered, useBench } from './bench.js';
import type { Ask } from './client.js';
import type { Said } from './hosts.js';

const bench = useBench();

describe.each(NEWEST)('beside a request that is being answered: $label', (combination) => {
  /** A handler that says how often it has run, once it is let. */
  async function started(options = {}, around: object[] = []) {
    // Nobody gives up waiting before the test does.
    const host = await bench.start(combination, { collapseTimeout: 60_000 });
    const gate = new Gate();
    const state = { asked: 0, runs: 0 };
    host.get('/x', ...around, { when: () => ++state.asked > 0, ...options }, async () => {
      const run = ++state.runs;
      await gate.opened;
      return { body: `run ${run}`, headers: { 'Cache-Control': 'public, max-age=60' } };
    });
    host.get('/y', {}, numbered());
    return { host, gate, state };
  }

  it('another one waits for its answer', async () => {
    const { host, gate, state } = await started();
    const asked = [host.ask('/x'), host.ask('/x')];
    await expect.poll(() => state).toEqual({ asked: 2, runs: 1 });
    // Its lookup is behind theirs: by its answer both have looked.
    await host.ask('/y');
    gate.open();
    const answers = await Promise.all(asked);
    expect(answers.map(({ text }) => text)).toEqual(['run 1', 'run 1']);
    expect(host.cache.getStats()).toMatchObject({ misses: 2, hits: 1, collapsed: 1 });
  });

  it('another one waits where a mount inside looks, and no longer where the one around that has looked', async () => {
    const { host, gate, state } = await started({ identity: () => 'me' }, [{}]);
    const asked = [host.ask('/x'), host.ask('/x')];
    await expect.poll(() => state).toEqual({ asked: 2, runs: 1 });
    gate.open();
    expect((await Promise.all(asked)).map(({ text }) => text)).toEqual(['run 1', 'run 1']);
  });

  it('another one that has the handler asked, whatever is stored, waits for nobody', async () => {
    const host = await bench.start(combination, { collapseTimeout: 60_000 });
    const gate = new Gate();
    const handler = numbered();
    host.get('/x', { requestDirectives: 'honor' }, async (asked) => {
      const said = handler(asked);
      if (handler.runs > 1) await gate.opened;
      return said;
    });
    await host.ask('/x');
    const asked = [1, 2].map(() => host.ask('/x', { headers: { 'Cache-Control': 'no-cache' } }));
    await expect.poll(() => handler.runs).toBe(3);
    gate.open();
    expect((await Promise.all(asked)).map(({ text }) => text).sort()).toEqual(['run 2', 'run 3']);
  });

  it('another one that needs an answer of its own waits for two of theirs, and for no third', async () => {
    const host = await bench.start(combination, { collapseTimeout: 60_000 });
    const languages = ['de', 'en', 'es', 'fr', 'it'];
    const gates = languages.map(() => new Gate());
    const state = { asked: 0, runs: 0 };
    host.get('/x', { when: () => ++state.asked > 0 }, async ({ headers }) => {
      await gates[state.runs++]!.opened;
      return { body: `in ${headers['accept-language']}`, headers: { Vary: 'Accept-Language' } };
    });
    host.get('/y', {}, numbered());
    const asked = languages.map((language) => host.ask('/x', { headers: { 'Accept-Language': language } }));
    await expect.poll(() => state).toEqual({ asked: 5, runs: 1 });
    await host.ask('/y');
    for (const [i, runs] of [2, 5].entries()) {
      gates[i]!.open();
      await expect.poll(() => state.runs).toBe(runs);
    }
    for (const gate of gates) gate.open();
    const answers = await Promise.all(asked);
    expect(answers.map(({ text }) => text)).toEqual(languages.map((language) => `in ${language}`));
  });

  it('another one waits no longer once it streams more than is stored', async () => {
    const host = await bench.start(combination, { collapseTimeout: 60_000, maxBodyBytes: 1000 });
    const [more, end] = [new Gate(), new Gate()];
    const state = { asked: 0, runs: 0 };
    async function* pieces() {
      yield 'little';
      await more.opened;
      yield 'x'.repeat(1000);
      await end.opened;
    }
    host.get('/x', { when: () => ++state.asked > 0 }, () => {
      state.runs++;
      return { body: Readable.from(pieces()) };
    });
    host.get('/y', {}, numbered());
    const asked = [host.ask('/x'), host.ask('/x')];
    await expect.poll(() => state).toEqual({ asked: 2, runs: 1 });
    await host.ask('/y');
    expect(state.runs).toBe(1);
    more.open();
    await expect.poll(() => state.runs).toBe(2);
    end.open();
    for (const { text } of await Promise.all(asked)) expect(text).toHaveLength(1006);
  });

  it.each<[what: string, options: object, question: Ask]>([
    ['with collapse: false', { collapse: false }, {}],
    ['that asks for the head alone', {}, { method: 'HEAD' }],
    ['that asks for a part', {}, { headers: { Range: 'bytes=0-1' } }],
    ['with credentials', {}, { headers: { Authorization: 'Basic b' } }],
    ['with a cookie', {}, { headers: { Cookie: 'a=b' } }],
  ])('another one %s runs the handler itself', async (_, options, question) => {
    const { host, gate, state } = await started(options);
    const first = host.ask('/x');
    await expect.poll(() => state.runs).toBe(1);
    const second = host.ask('/x', question);
    await expect.poll(() => state.runs).toBe(2);
    gate.open();
    expect((await first).text).toBe('run 1');
    expect((await second).header('cache-status')).not.toContain('collapsed');
    expect(host.cache.getStats().collapsed).toBe(0);
  });
});

describe.each(NEWEST.filter(({ store }) => store === 'memory'))(
  'behind a request that had nothing for others: $label',
  (combination) => {
    it.each<[what: string, seconds: number, said: Said]>([
      ['its handler has failed', 1, { status: 500 }],
      ['its answer was not to be stored', 10, { headers: { 'Cache-Control': 'no-store' } }],
    ])('where %s, others wait for one another again after %i s', async (_, seconds, said) => {
      const host = await bench.start(combination, { collapseTimeout: 60_000 });
      const gates = [new Gate(), new Gate()];
      const state = { asked: 0, runs: 0 };
      host.get('/x', { when: () => ++state.asked > 0 }, async () => {
        const run = ++state.runs;
        if (run > 1) await gates[run > 3 ? 1 : 0]!.opened;
        return said;
      });
      host.get('/y', {}, numbered());
      await host.ask('/x');
      for (const [i, after] of [
        { asked: 3, runs: 3 },
        { asked: 5, runs: 4 },
      ].entries()) {
        const asked = [host.ask('/x'), host.ask('/x')];
        await expect.poll(() => state.asked).toBe(after.asked);
        await host.ask('/y');
        expect(state).toEqual(after);
        gates[i]!.open();
        await Promise.all(asked);
        host.clock.forward(seconds);
      }
    });
  },
);
