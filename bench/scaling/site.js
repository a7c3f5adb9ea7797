// What is asked for: pages of tenants, as the cache knows them. Keys, purge tags, entries and frames are made by the
// built package, so that nothing is modelled here that it would do otherwise.

import { encode } from '../../build/src/entry/codec.js';
import { holdingOf } from '../../build/src/entry/compact.js';
import { ownTag, pathTag, tenantTag, uriTag } from '../../build/src/invalidation/tags.js';
import { responseAddress, responseSubject } from '../../build/src/request/key.js';
import { SORTED } from '../../build/src/request/query.js';
import { generator } from './random.js';

/** What every request says of its origin, here and to the processes that are measured. */
export const HOST = 'app.example';
export const TYPE = 'application/json; charset=utf-8';
/** How many pages lie in one folder: one tag, and one pattern, reach them all. */
export const FOLDER = 20;

export const tenantName = (tenant) => `tenant-${tenant}`;
export const folderName = (page) => `folder-${Math.floor(page / FOLDER)}`;
export const pathOf = (page) => `/${folderName(page)}/${page}`;

const BODIES = Buffer.alloc(1_048_576, 'x');
const HEADERS = [
  ['Content-Type', TYPE],
  ['ETag', 'W/"800-0123456789abcdefghijklmnopq"'],
];
const NONE = [];
const NOBODY = { authorization: false, cookie: false };
const EPOCH = '4.16.256.0123456789ab.1795858475000000';

/** The purges that a write to a page brings, by the way it is invalidated. */
const PURGES = {
  /** An unsafe method on its URL: the URL, and whatever answers several queries of its path. */
  key: ({ tenant, subject }) => ({
    tags: [uriTag(tenant, subject.uri), pathTag(tenant, subject.uri)],
    patterns: [],
  }),
  tag: ({ tenant, folder }) => ({ tags: [ownTag(tenant, folder)], patterns: [] }),
  pattern: ({ tenant, folder }) => ({ tags: [], patterns: [{ tenant, glob: `/${folder}/*` }] }),
  tenant: ({ tenant }) => ({ tags: [tenantTag(tenant)], patterns: [] }),
};

export class Site {
  #pages = new Map();
  #bytes;
  #spread;
  #usual;

  /** `bytes`: of a body, on average; `spread`: of their logarithm's normal distribution, 0 for bodies that are all alike. */
  constructor({ bytes = 2048, spread = 0 } = {}) {
    this.#bytes = bytes;
    this.#spread = spread;
    this.#usual = BODIES.subarray(0, bytes);
  }

  /** A page, by its numbers. */
  page(tenant, page) {
    const id = tenant * 2 ** 24 + page;
    let known = this.#pages.get(id);
    if (known === undefined) {
      known = this.#make(tenant, page);
      this.#pages.set(id, known);
    }
    return known;
  }

  /** What a write to a page invalidates. */
  purge(kind, page) {
    return PURGES[kind](page);
  }

  /** What pages are like on average, in bytes: in memory, as a frame, their keys, the records of their purges. */
  average({ tenants, pages }, kind) {
    const sum = { weight: 0, frame: 0, key: 0, record: 0 };
    const random = generator(99);
    const seen = 400;
    for (let i = 0; i < seen; i++) {
      const page = this.#make(Math.floor(random() * tenants), Math.floor(random() * pages));
      const entry = this.entry(page, 1.8e15, 1.8e12, 300);
      sum.weight += holdingOf(page.key, entry).bytes / seen;
      sum.frame += encode(page.key, entry).length / seen;
      sum.key += page.key.length / seen;
      sum.record += JSON.stringify(this.purge(kind, page)).length / seen;
    }
    return sum;
  }

  /** The entry of a page that is made at `now` (ms), with what was known of the ledger then. */
  entry({ tags, body }, sequence, now, ttl) {
    const expiresAt = now + ttl * 1000;
    return {
      kind: 'response',
      asOf: { epoch: EPOCH, sequence },
      storedAt: now,
      expiresAt,
      freshUntil: expiresAt,
      tags,
      status: 200,
      message: undefined,
      headers: HEADERS,
      removed: NONE,
      appended: NONE,
      mustRevalidate: false,
      staleWhileRevalidate: 0,
      staleIfError: 0,
      initialAge: 0,
      name: undefined,
      keyed: NONE,
      sharedWith: NOBODY,
      etagMade: true,
      search: undefined,
      cost: 5,
      body,
    };
  }

  #make(tenant, page) {
    const name = tenantName(tenant);
    const target = pathOf(page);
    const address = responseAddress('', name, { target, headers: { host: HOST }, secure: false }, SORTED, []);
    const tags = [folderName(page)];
    const subject = responseSubject(address, { tags, name: undefined });
    // What a fill knows of itself as it begins: its tags are its handler's to say.
    const early = responseSubject(address, { tags: [], name: undefined });
    const body = this.#spread === 0 ? this.#usual : BODIES.subarray(0, this.#size(tenant, page));
    return { tenant: name, folder: tags[0], key: address.key, tags, subject, early, body };
  }

  #size(tenant, page) {
    const random = generator(tenant * 1_000_003 + page);
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const size = this.#bytes * Math.exp(this.#spread * normal - this.#spread ** 2 / 2);
    return Math.min(BODIES.length, Math.max(1, Math.round(size)));
  }
}
