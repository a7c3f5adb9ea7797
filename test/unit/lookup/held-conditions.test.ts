import { describe, expect, it } from 'vitest';
import { HeldConditions, type Validators } from '../../../src/lookup/held-conditions.js';

const DATE = 'Sun, 06 Nov 1994 08:49:37 GMT';
const BOTH: Validators = { etag: '"mine"', lastModified: DATE };
const TAG: Validators = { etag: '"mine"', lastModified: undefined };

/** The fields of a request in both forms, as Node gives them: those that may stand in a list once, joined. */
function request(...lines: [name: string, value: string][]) {
  const headers: Record<string, string> = {};
  for (const [name, value] of lines) {
    const lower = name.toLowerCase();
    headers[lower] = headers[lower] === undefined ? value : `${headers[lower]}, ${value}`;
  }
  const raw = lines.flat();
  return { headers, raw, conditions: new HeldConditions({ headers, rawHeaders: raw }) };
}

const ASKED: [string, string][] = [
  ['Host', 'h'],
  ['If-None-Match', '"a"'],
  ['Range', 'bytes=0-1'],
  ['X-A', '1'],
  ['if-none-match', '"b"'],
  ['If-Range', '"a"'],
  ['If-Modified-Since', DATE],
  ['A-IM', 'feed'],
  ['X-A', '2'],
];
const HELD = { ifNoneMatch: '"a", "b"', ifModifiedSince: DATE };

describe('what a request asks', () => {
  it('is nothing, where it has no conditions', () => {
    const { conditions } = request(['Host', 'h']);
    expect(conditions.current).toBeUndefined();
    expect(conditions.held).toBeUndefined();
  });

  it('is what it has, and nothing of it is held at first', () => {
    const { conditions } = request(...ASKED);
    expect(conditions.current).toEqual(HELD);
    expect(conditions.held).toBeUndefined();
    expect(conditions.asksHandler).toBe(false);
  });

  it('is the same while it is held', () => {
    const { conditions } = request(...ASKED);
    conditions.take(BOTH);
    expect(conditions.current).toEqual(HELD);
    expect(conditions.held).toEqual(HELD);
  });

  it('is still nothing while the handler is asked about a stored response', () => {
    const { conditions } = request(['Host', 'h']);
    conditions.take(BOTH);
    expect(conditions.current).toBeUndefined();
    expect(conditions.held).toBeUndefined();
  });
});

describe('what a handler sees while it makes the whole answer', () => {
  it('is the request without its conditions, in both forms', () => {
    const { headers, raw, conditions } = request(...ASKED);
    conditions.take();
    expect(headers).toEqual({ host: 'h', range: 'bytes=0-1', 'if-range': '"a"', 'a-im': 'feed', 'x-a': '1, 2' });
    const end = ['If-Range', '"a"', 'A-IM', 'feed', 'X-A', '2'];
    expect(raw).toEqual(['Host', 'h', 'Range', 'bytes=0-1', 'X-A', '1', ...end]);
    expect(conditions.asksHandler).toBe(false);
  });

  it('is the request as it is, where it asks nothing', () => {
    const lines: [string, string][] = [
      ['Host', 'h'],
      ['Range', 'bytes=0-1'],
    ];
    const { headers, raw, conditions } = request(...lines);
    conditions.take();
    expect(headers).toEqual({ host: 'h', range: 'bytes=0-1' });
    expect(raw).toEqual(lines.flat());
  });
});

describe('what a handler sees while it is asked about a stored response (RFC 9111 §4.3.1)', () => {
  // A difference would be one from what is stored, which the client has not (RFC 3229).
  it('is our validators in place of what the client asks, no range, and no wish for a difference', () => {
    const { headers, raw, conditions } = request(...ASKED);
    conditions.take(BOTH);
    expect(headers).toEqual({ host: 'h', 'x-a': '1, 2', 'if-none-match': '"mine"', 'if-modified-since': DATE });
    expect(raw).toEqual(['Host', 'h', 'X-A', '1', 'X-A', '2', 'if-none-match', '"mine"', 'if-modified-since', DATE]);
    expect(conditions.asksHandler).toBe(true);
  });

  it('is none of what we do not have', () => {
    const { headers, raw, conditions } = request(...ASKED);
    conditions.take(TAG);
    expect(headers).toEqual({ host: 'h', 'x-a': '1, 2', 'if-none-match': '"mine"' });
    expect(raw).toEqual(['Host', 'h', 'X-A', '1', 'X-A', '2', 'if-none-match', '"mine"']);
  });

  it('is our validators also where the client asks nothing', () => {
    const { headers, conditions } = request(['Host', 'h']);
    conditions.take(TAG);
    expect(headers).toEqual({ host: 'h', 'if-none-match': '"mine"' });
    expect(conditions.asksHandler).toBe(true);
  });
});

describe('giving back', () => {
  it.each<[what: string, validators: Validators | undefined]>([
    ['the conditions', undefined],
    ['the conditions, in whose place it was asked', BOTH],
    ['the conditions, in place of some of which it was asked', TAG],
  ])('makes the request as it came: %s, in both forms, duplicates and order', (_, validators) => {
    const { headers, raw, conditions } = request(...ASKED);
    const before = structuredClone({ headers, raw });
    conditions.take(validators);
    conditions.giveBack();
    expect({ headers, raw }).toEqual(before);
    expect(conditions.asksHandler).toBe(false);
    expect(conditions.current).toEqual(HELD);
  });

  it('leaves nothing of ours behind, where the client asked nothing', () => {
    const { headers, raw, conditions } = request(['Host', 'h']);
    conditions.take(BOTH);
    conditions.giveBack();
    expect(headers).toStrictEqual({ host: 'h' });
    expect(raw).toEqual(['Host', 'h']);
  });

  it('is of no effect where nothing was taken, or it is given back already', () => {
    const { headers, raw, conditions } = request(...ASKED);
    const before = structuredClone({ headers, raw });
    conditions.giveBack();
    expect({ headers, raw }).toEqual(before);
    conditions.take(BOTH);
    conditions.giveBack();
    conditions.giveBack();
    expect({ headers, raw }).toEqual(before);
  });

  it('keeps the very lists that Node has made: whoever holds them sees it', () => {
    const { headers, raw, conditions } = request(...ASKED);
    const [sameHeaders, sameRaw] = [headers, raw];
    conditions.take(BOTH);
    conditions.giveBack();
    expect(sameHeaders['if-none-match']).toBe('"a", "b"');
    expect(sameRaw).toEqual(ASKED.flat());
  });

  it('leaves alone what layers inside have changed of other fields', () => {
    const { headers, conditions } = request(...ASKED);
    conditions.take(BOTH);
    headers['x-user'] = 'u';
    delete headers.host;
    conditions.giveBack();
    expect(headers).toMatchObject({ 'x-user': 'u', 'if-none-match': '"a", "b"', range: 'bytes=0-1' });
    expect(headers).not.toHaveProperty('host');
  });

  it('may be followed by taking them again', () => {
    const { headers, raw, conditions } = request(...ASKED);
    const before = structuredClone({ headers, raw });
    conditions.take(BOTH);
    conditions.giveBack();
    conditions.take();
    expect(headers).not.toHaveProperty('if-none-match');
    expect(headers).toHaveProperty('range');
    expect(conditions.held).toEqual(HELD);
    conditions.giveBack();
    expect({ headers, raw }).toEqual(before);
  });
});

describe('taking twice in a row', () => {
  it.each<[first: Validators | undefined, second: Validators | undefined]>([
    [undefined, undefined],
    [undefined, BOTH],
    [TAG, BOTH],
    [BOTH, TAG],
    [BOTH, undefined],
  ])('%j, then %j: what the client asked is held, and given back as it came', (first, second) => {
    const { headers, raw, conditions } = request(...ASKED);
    const before = structuredClone({ headers, raw });
    conditions.take(first);
    conditions.take(second);
    expect(conditions.held).toEqual(HELD);
    expect(headers['if-none-match']).toBe(second?.etag);
    expect(headers['if-modified-since']).toBe(second?.lastModified);
    expect(conditions.asksHandler).toBe(second !== undefined);
    conditions.giveBack();
    expect({ headers, raw }).toEqual(before);
  });

  it('no longer asks the handler where it is not to be asked the second time, though the client asked nothing', () => {
    const { headers, conditions } = request(['Host', 'h']);
    conditions.take(BOTH);
    conditions.take();
    expect(conditions.asksHandler).toBe(false);
    expect(headers).toEqual({ host: 'h' });
  });
});

describe('a request in all the forms in which Node gives it', () => {
  const lines: [string, string][] = [
    ['If-None-Match', '"a"'],
    ['If-Modified-Since', DATE],
    ['Range', 'bytes=0-1'],
    ['X-A', '1'],
  ];
  const asked = () => {
    const { headers, raw } = request(...lines);
    const distinct = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]));
    const before = structuredClone({ headers, raw, distinct });
    return { headers, raw, distinct, before, conditions: new HeldConditions({ headers, rawHeaders: raw, distinct }) };
  };

  it('has lost what is held, wherever it stood, and has it back', () => {
    const { headers, raw, distinct, before, conditions } = asked();
    conditions.take();
    expect(raw).toEqual(['Range', 'bytes=0-1', 'X-A', '1']);
    expect(distinct).toEqual({ range: ['bytes=0-1'], 'x-a': ['1'] });
    conditions.giveBack();
    expect({ headers, raw, distinct }).toEqual(before);
  });

  it('asks the handler in all of them', () => {
    const { headers, raw, distinct, before, conditions } = asked();
    conditions.take(TAG);
    expect(headers).toEqual({ 'x-a': '1', 'if-none-match': '"mine"' });
    expect(raw).toEqual(['X-A', '1', 'if-none-match', '"mine"']);
    expect(distinct).toEqual({ 'x-a': ['1'], 'if-none-match': ['"mine"'] });
    conditions.giveBack();
    expect({ headers, raw, distinct }).toEqual(before);
  });

  it('has nothing of what the handler was asked in any of them afterwards, where the client asked nothing', () => {
    const { headers, raw } = request(['X-A', '1']);
    const distinct = { 'x-a': ['1'] };
    const conditions = new HeldConditions({ headers, rawHeaders: raw, distinct });
    conditions.take(BOTH);
    expect(distinct).toEqual({ 'x-a': ['1'], 'if-none-match': ['"mine"'], 'if-modified-since': [DATE] });
    conditions.giveBack();
    expect({ headers, raw, distinct }).toStrictEqual({
      headers: { 'x-a': '1' },
      raw: ['X-A', '1'],
      distinct: { 'x-a': ['1'] },
    });
  });

  it('is what layers have made of it since it was given back', () => {
    const { headers, conditions } = asked();
    conditions.take();
    conditions.giveBack();
    headers['if-none-match'] = '"c"';
    expect(conditions.current).toEqual({ ifNoneMatch: '"c"', ifModifiedSince: DATE });
    conditions.giveBack();
    expect(headers['if-none-match']).toBe('"c"');
  });
});

describe('tags of compressed forms', () => {
  it('are the handler’s own while it runs, in both fields that name tags, and in no other', () => {
    const { headers, raw, conditions } = request(
      ['If-Match', '"a--gzip"'],
      ['If-None-Match', '"a--br", "b"'],
      ['If-Range', '"a--gzip"'],
    );
    conditions.takePlainTags();
    expect(headers).toEqual({ 'if-match': '"a"', 'if-none-match': '"a", "b"', 'if-range': '"a--gzip"' });
    expect(raw).toEqual(['If-Range', '"a--gzip"', 'if-match', '"a"', 'if-none-match', '"a", "b"']);
    conditions.giveBack();
    expect(headers).toEqual({ 'if-match': '"a--gzip"', 'if-none-match': '"a--br", "b"', 'if-range': '"a--gzip"' });
    expect(raw.slice(0, 2)).toEqual(['If-Match', '"a--gzip"']);
  });

  it('are not looked for in a request without them, which stays as it is', () => {
    const { headers, raw, conditions } = request(['If-None-Match', '"a"'], ['X-A', '1']);
    const before = structuredClone({ headers, raw });
    conditions.takePlainTags();
    expect({ headers, raw }).toEqual(before);
  });
});
