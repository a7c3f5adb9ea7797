import { expect, it } from 'vitest';
import { orAborted } from '../../src/aborted.js';

const forEver = new Promise<never>(() => {});

it('gives what comes of the work', async () => {
  expect(await orAborted(Promise.resolve('done'), new AbortController().signal)).toBe('done');
});

it('waits no longer once nobody does', async () => {
  const controller = new AbortController();
  const waiting = orAborted(forEver, controller.signal);
  controller.abort(new Error('Ctrl-C'));
  await expect(waiting).rejects.toThrow('Ctrl-C');
});

it('does not begin to wait where nobody does any more', async () => {
  await expect(orAborted(forEver, AbortSignal.abort(new Error('Ctrl-C')))).rejects.toThrow('Ctrl-C');
});
