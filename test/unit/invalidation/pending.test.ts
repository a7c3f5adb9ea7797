import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { PendingPurges } from '../../../src/invalidation/pending.js';
import { EVERYTHING, ownTag, type Subject, tenantTag } from '../../../src/invalidation/tags.js';

const subject = (...tags: string[]): Subject => ({ tenant: 'acme', names: ['users:list'], tags });
const tags = (...names: string[]) => ({ tags: names.map((name) => ownTag('acme', name)), patterns: [] });
const pattern = (glob: string, tenant = 'acme') => ({ tags: [], patterns: [{ tenant, glob }] });

/** Whether a promise is settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const settled = await Promise.race([promise.then(() => true), nextTurn(false)]);
  return settled;
}

describe('PendingPurges', () => {
  it('reaches nothing while there are none', () => {
    const pending = new PendingPurges();
    expect(pending.empty).toBe(true);
    expect(pending.take()).toBeUndefined();
    expect(pending.reaches(subject('a'))).toBe(false);
  });

  it('kills what its tags and patterns reach, from the call on until it is sent', () => {
    const pending = new PendingPurges();
    pending.add(tags('a'));
    pending.add(pattern('users:*'));
    expect(pending.reaches(subject('a'))).toBe(true);
    expect(pending.reaches({ ...subject(), names: ['users:list'] })).toBe(true);
    expect(pending.reaches({ ...subject('b'), names: ['x'] })).toBe(false);
    expect(pending.reaches({ ...subject('a'), tenant: 'other' })).toBe(false);
    pending.take();
    expect(pending.reaches(subject('a'))).toBe(true);
    pending.sent(5);
    expect(pending.reaches(subject('a'))).toBe(false);
    expect(pending.empty).toBe(true);
  });

  it('kills what one of both reaches, what is on its way and what waits behind it', () => {
    const pending = new PendingPurges();
    pending.add(tags('a'));
    pending.take();
    pending.add(pattern('users:*', 'other'));
    const others: Subject = { ...subject(), tenant: 'other' };
    expect([subject('a'), others, subject('b')].map((each) => pending.reaches(each))).toEqual([true, true, false]);
    expect(pending.causeOf(subject('a'), 4)).toMatchObject({ by: 'tag', name: 'a', sequence: 4, pending: true });
    expect(pending.causeOf(others, 4)).toMatchObject({ by: 'pattern', name: 'users:*', pending: true });
    expect(pending.causeOf(subject('b'), 4)).toBeUndefined();
  });

  it('keeps the same pattern of two tenants apart, and that of one once', () => {
    const pending = new PendingPurges();
    for (const tenant of ['acme', 'other', 'acme']) pending.add(pattern('users:*', tenant));
    for (const tenant of ['acme', 'other']) expect(pending.reaches({ ...subject(), tenant })).toBe(true);
    expect(pending.take()?.patterns.map(({ tenant }) => tenant)).toEqual(['acme', 'other']);
  });

  it('knows at which places several purges went as one, though they were the same', () => {
    const pending = new PendingPurges();
    pending.add(tags('a'));
    pending.take();
    pending.add(tags('a'));
    pending.add(tags('a'));
    pending.sent(5);
    pending.take();
    pending.sent(6);
    expect([5, 6, 7].map((sequence) => pending.isJoint(sequence))).toEqual([false, true, false]);
  });

  it('gathers what comes before sending in one batch, each thing once', () => {
    const pending = new PendingPurges();
    const batch = pending.add(tags('a', 'b'));
    expect(pending.add(tags('b'))).toBe(batch);
    expect(pending.take()).toBe(batch);
    expect([...batch.tags]).toEqual(tags('a', 'b').tags);
  });

  it('gathers what comes while one is being sent in the next', async () => {
    const pending = new PendingPurges();
    const first = pending.add(tags('a'));
    pending.take();
    const firstSent = pending.sentAll;
    const second = pending.add(tags('b'));
    expect(await isSettled(firstSent)).toBe(false);
    expect(second).not.toBe(first);
    expect(pending.take()).toBe(first);
    pending.sent(5);
    expect(await first.done).toBe(5);
    expect(await isSettled(second.done)).toBe(false);
    expect(await isSettled(pending.sentAll)).toBe(false);
    expect(pending.take()).toBe(second);
    pending.sent(6);
    expect(await second.done).toBe(6);
  });

  it('tells all who wait of a failure, and takes the same batch again', async () => {
    const pending = new PendingPurges();
    const first = pending.add(tags('a'));
    pending.take();
    const second = pending.add(tags('b'));
    pending.failed();
    expect([first.failed, second.failed]).toEqual([true, true]);
    expect(pending.take()).toBe(first);
    expect(pending.reaches(subject('a'))).toBe(true);
    pending.sent(5);
    expect(await first.done).toBe(5);
    expect(pending.reaches(subject('b'))).toBe(true);
  });

  it('keeps nothing of who has been told, or has given up', async () => {
    const pending = new PendingPurges();
    const batch = pending.add(tags('a'));
    pending.take();
    await expect(pending.told(batch, 1)).rejects.toThrow('purge took longer than 1 ms');
    const failure = pending.told(batch, 10_000);
    pending.failed();
    expect(await failure).toBeUndefined();
    expect(batch.waiting.size).toBe(0);
    // Who comes now does not wait for the next attempt.
    expect(await pending.told(batch, 10_000)).toBeUndefined();
    pending.sent(5);
    const next = pending.add(tags('b'));
    const success = pending.told(next, 10_000);
    pending.take();
    pending.sent(6);
    expect(await success).toBe(6);
    expect(next.waiting.size).toBe(0);
  });

  it.each([
    ['tags', 25_000, (i: number) => ({ tags: [`g:acme:${i}`], patterns: [] })],
    ['tenants', 25_000, (i: number) => ({ tags: [tenantTag(`t${i}`)], patterns: [] })],
    ['long URLs', 2000, (i: number) => ({ tags: [`u:acme:http://h/${i}?${'q'.repeat(15_000)}`], patterns: [] })],
  ])('becomes a purge of everything beyond a number of %s, and stays small', (_, most, purge) => {
    const pending = new PendingPurges();
    for (let i = 0; i < most; i++) pending.add(purge(i));
    const batch = pending.take()!;
    expect(batch.tags.has(EVERYTHING)).toBe(true);
    expect(batch.tags.size + batch.patterns.length).toBeLessThanOrEqual(10_000);
    expect([...batch.tags].join('').length).toBeLessThanOrEqual(16_777_216);
    expect(pending.reaches({ tenant: 'anybody', names: [], tags: [] })).toBe(true);
  });

  it('may hear of one name any number of times', () => {
    const pending = new PendingPurges();
    const again = tags('x'.repeat(1000));
    for (let i = 0; i < 20_000; i++) pending.add(again);
    expect(pending.take()!.tags).toEqual(new Set(again.tags));
  });

  it('becomes a purge of their tenant beyond a number of patterns, and stays small', () => {
    const pending = new PendingPurges();
    for (let i = 0; i < 2000; i++) pending.add(pattern(`p${i}`));
    const batch = pending.take()!;
    expect(batch.tags).toEqual(new Set([tenantTag('acme')]));
    expect(batch.patterns).toHaveLength(256);
    expect(pending.reaches({ tenant: 'acme', names: ['anything'], tags: [] })).toBe(true);
    expect(pending.reaches({ tenant: 'other', names: ['p1'], tags: [] })).toBe(false);
  });

  it('takes one purge of very many patterns', () => {
    const pending = new PendingPurges();
    const many = Array.from({ length: 200_000 }, (_, i) => ({ tenant: 'acme', glob: `p${i}` }));
    pending.add({ tags: [], patterns: many });
    expect(pending.reaches({ tenant: 'acme', names: ['p7'], tags: [] })).toBe(true);
  });
});
