import { describe, expect, it } from 'vitest';
import { NO_BODY, type ResponseEntry } from '../../../src/entry/entry.js';
import { Fill } from '../../../src/fill/fill.js';
import type { HeaderLine } from '../../../src/http/headers.js';
import { BORN, stored } from '../made.js';

/** An entry whose body and tags have not come yet. */
const begun = (changes: Partial<ResponseEntry> = {}) => stored({ ...changes, tags: [], body: NO_BODY });
const filled = (headers: readonly HeaderLine[], makesEtag = true, status = 200) =>
  new Fill(begun({ status, headers }), undefined, 100, makesEtag);
const etags = (fill: Fill) => {
  const entry = fill.finish([], BORN);
  return typeof entry === 'string' ? entry : entry.headers.filter(([name]) => name.toLowerCase() === 'etag');
};

describe('Fill', () => {
  it('is the entry of what was captured', () => {
    const fill = new Fill(begun(), undefined, 100, false);
    fill.add('he');
    fill.add('llo');
    expect(fill.finish(['t'], BORN)).toEqual(stored({ tags: ['t'] }));
  });

  it('is why there is none', () => {
    const fill = new Fill(begun(), 6, 100, false);
    fill.add('hello');
    expect(fill.finish([], BORN)).toBe('length-mismatch');
  });

  it('is none where its time was over before it was whole', () => {
    const fill = new Fill(begun({ expiresAt: BORN + 5 }), undefined, 100, false);
    fill.add('hello');
    expect(fill.finish([], BORN + 5)).toBe('not-fresh');
  });

  it('knows when there is nothing to be had of it any more', () => {
    const fill = new Fill(begun(), undefined, 4, false);
    expect(fill.failed).toBe(false);
    fill.add('hello');
    expect(fill.failed).toBe(true);
    expect(fill.finish([], BORN)).toBe('too-large');
  });

  it('is given a tag where it has none', () => {
    expect(etags(filled([]))).toEqual([['ETag', expect.stringMatching(/^W\/"/)]]);
  });

  it('says that its tag was made here', () => {
    expect(filled([]).finish([], BORN)).toMatchObject({ etagMade: true });
    expect(filled([['ETag', '"a"']]).finish([], BORN)).toMatchObject({ etagMade: false });
    expect(filled([], false).finish([], BORN)).toMatchObject({ etagMade: false });
  });

  it('keeps the tag that it has', () => {
    expect(etags(filled([['etag', '"a"']]))).toEqual([['etag', '"a"']]);
  });

  it.each([204, 301, 404])('is given none as a %i', (status) => {
    expect(etags(filled([], true, status))).toEqual([]);
  });

  it('is given none where that is not wanted', () => {
    expect(etags(filled([], false))).toEqual([]);
  });
});
