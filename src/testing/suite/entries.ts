import type { CounterEntry, IndexEntry, Position, ResponseEntry, ValueEntry } from '../../entry/entry.js';

/** When the tests begin, by the clock that the store is given. */
export const START: number = 1_795_420_800_000;
const asOf: Position = { epoch: 'epoch', sequence: 1_795_420_800_000_001 };

export function valueEntry(changes: Partial<ValueEntry> = {}): ValueEntry {
  const body = Buffer.from('body');
  return { kind: 'value', asOf, storedAt: START, expiresAt: START + 60_000, tags: [], body, ...changes };
}

export function counterEntry(value: number, changes: Partial<CounterEntry> = {}): CounterEntry {
  return {
    ...valueEntry(),
    expiresAt: Number.POSITIVE_INFINITY,
    ...changes,
    kind: 'counter',
    body: Buffer.from(`${value}`),
  };
}

export function indexEntry(): IndexEntry {
  const { body: _, ...common } = valueEntry();
  return { ...common, kind: 'index', varies: [['accept-encoding', 'origin'], []] };
}

export function responseEntry(changes: Partial<ResponseEntry> = {}): ResponseEntry {
  return {
    ...valueEntry({ tags: ['users', 'list:\u00fc'] }),
    kind: 'response',
    status: 404,
    message: 'Not Here',
    headers: [
      ['Content-Type', 'application/octet-stream'],
      ['Link', ['</a>', '</b>']],
    ],
    removed: ['x-powered-by'],
    appended: ['link'],
    freshUntil: START + 30_000,
    mustRevalidate: true,
    staleWhileRevalidate: 5,
    staleIfError: 10.5,
    initialAge: 7,
    name: 'users:list',
    keyed: ['accept-language'],
    etagMade: true,
    search: '[true,"params","utm_source"]',
    cost: 12.5,
    sharedWith: { authorization: true, cookie: false },
    ...changes,
  };
}

/** A response as most are: in Redis it is a brief frame. */
export function usualEntry(changes: Partial<ResponseEntry> = {}): ResponseEntry {
  return responseEntry({
    asOf: { epoch: '4.16.256.0a1b2c3d4e5f.1795420800000001', sequence: 1_795_420_800_000_002 },
    headers: [
      ['Content-Type', 'application/json; charset=utf-8'],
      ['ETag', 'W/"4-abcdefghijklmnopqrstuvwxyz0"'],
    ],
    cost: 12,
    ...changes,
  });
}
