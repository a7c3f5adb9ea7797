// Who waits for another request's answer, and who runs the handler beside it.

import { describe, expect, it } from 'vitest';
import { Gate, NEWEST, useBench } from './bench.js';
import type { Ask } from './client.js';

const bench = useBench();

describe.each(NEWEST)('beside a request that is being answered: $label', (combination) => {
  /** A handler that says how often it has run, once it is let. */
  async function started(options = {}) {
    // Nobody gives up waiting before the test does.
    const host = await bench.start(combination, { collapseTimeout: 60_000 });
    const gate = new Gate();
    const state = { runs: 0 };
    host.get('/x', options, async () => {
      const run = ++state.runs;
      await gate.opened;
      return { body: `run ${run}`, headers: { 'Cache-Control': 'public, max-age=60' } };
    });
    return { host, gate, state };
  }

  it('another one waits for its answer', async () => {
    const { host, gate, state } = await started();
    const asked = [host.ask('/x'), host.ask('/x')];
    await expect.poll(() => state.runs).toBe(1);
    gate.open();
    const answers = await Promise.all(asked);
    expect(answers.map(({ text }) => text)).toEqual(['run 1', 'run 1']);
    expect(host.cache.getStats()).toMatchObject({ misses: 1, hits: 1, collapsed: 1 });
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
