import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Services } from '../../../src/backend.js';
import { CODECS } from '../../../src/compress/codings.js';
import { formOf } from '../../../src/compress/forms.js';
import { plainBody } from '../../../src/compress/plain.js';
import { checkCompress } from '../../../src/compress/rule.js';
import { entryBytes, type ResponseEntry } from '../../../src/entry/entry.js';
import type { CacheEvents } from '../../../src/events.js';
import { responseSubject } from '../../../src/request/key.js';
import { BORN, stored as responseEntry, servicesOf } from '../made.js';

const TEXT = 'a text that says the same again and again. ';
const GZIP = CODECS[0]!;
afterEach(() => vi.restoreAllMocks());

const address = { tenant: 'acme', key: 'k', names: ['/k'], uri: 'http://x/k', pathUri: 'http://x/k' };
const OF_ALL_OF_ACME = { tags: ['t:acme'], patterns: [] };

/** A response in memory, and what compresses it. */
function stored(body: string | Buffer = TEXT.repeat(100), changes: Partial<ResponseEntry> = {}) {
  const services = servicesOf();
  const told: { compress: CacheEvents['compress'][]; error: CacheEvents['error'][] } = { compress: [], error: [] };
  services.events.on('compress', (event) => told.compress.push(event));
  services.events.on('error', (event) => told.error.push(event));
  const asOf = services.backend.ledger.position()!;
  const times = { storedAt: BORN, freshUntil: BORN + 60_000, expiresAt: BORN + 60_000 };
  const entry = responseEntry({ asOf, ...times, negotiated: true, body: Buffer.from(body), ...changes });
  services.backend.fill([{ key: 'k', entry }]);
  return { services, entry, told };
}

function begin({ compressor }: Services, entry: ResponseEntry, options: unknown = true, written?: Promise<void>): void {
  const rule = checkCompress(options)!;
  compressor.begin({ rule, address, key: 'k', written, entry });
}

const read = ({ backend }: Services) => (backend.store.get(['k']) as ResponseEntry[])[0];
const event = ({ events }: Services, kind: 'compress' | 'error') =>
  new Promise<void>((resolve) => events.on(kind, () => resolve()));

describe('the compressor', () => {
  it('puts forms in the place of the body, and nothing else is another', async () => {
    const { services, entry, told } = stored();
    const done = event(services, 'compress');
    begin(services, entry);
    await done;
    const now = read(services)!;
    expect({ ...now, body: 0, forms: 0 }).toEqual({ ...entry, body: 0, forms: 0 });
    expect(now.forms!.plainBytes).toBe(entry.body.length);
    expect(gunzipSync(formOf(now, 'gzip')).equals(entry.body)).toBe(true);
    expect((await plainBody(now)).equals(entry.body)).toBe(true);
    expect(entryBytes('k', now)).toBeLessThan(entryBytes('k', entry) / 2);
    const codings = now.forms!.list.map(({ coding }) => coding);
    expect(told.compress).toEqual([
      expect.objectContaining({ tenant: 'acme', key: 'k', codings, plainBytes: 4300, bytes: now.body.length }),
    ]);
    // It is done once.
    begin(services, now);
    expect(read(services)).toEqual(now);
  });

  it('lets no more wait than 32 MB of bodies and names', async () => {
    const { services, entry } = stored();
    const rule = checkCompress(true)!;
    const long = `/${'x'.repeat(15_000)}`;
    const far = { ...address, names: [long, `${long}?q`], uri: `http://x${long}?q`, pathUri: `http://x${long}` };
    let release!: () => void;
    const written = new Promise<void>((resolve) => {
      release = resolve;
    });
    const stands = vi.spyOn(services.backend.ledger, 'stands').mockReturnValue(false);
    for (let i = 0; i < 1000; i++) services.compressor.begin({ rule, address: far, key: 'k', written, entry });
    release();
    await vi.waitFor(() => expect(stands.mock.calls.length).toBeGreaterThan(400));
    for (let i = 0; i < 2000; i++) await Promise.resolve();
    expect(stands.mock.calls.length).toBeLessThan(600);
  });

  it('keeps of a form that more clients read no larger one, and no more than the body is long', async () => {
    const { services, entry } = stored();
    vi.spyOn(GZIP, 'compress').mockResolvedValue(Buffer.alloc(10));
    const done = event(services, 'compress');
    begin(services, entry);
    await done;
    expect(read(services)!.forms!.list).toEqual([{ coding: 'gzip', bytes: 10 }]);
  });

  it('leaves what saves less than a tenth, is too short, or is not to be negotiated', async () => {
    const { services, entry } = stored();
    const compress = vi.spyOn(GZIP, 'compress');
    begin(services, entry, { minBytes: 4301 });
    begin(services, { ...entry, negotiated: undefined });
    expect(compress).not.toHaveBeenCalled();
    compress.mockResolvedValueOnce(Buffer.alloc(3900));
    begin(services, entry, { encodings: ['gzip'] });
    const done = event(services, 'compress');
    // The next in line: it begins when the one before is over.
    begin(services, entry, { encodings: ['br'] });
    await done;
    expect(read(services)!.forms!.list.map(({ coding }) => coding)).toEqual(['br']);
  });

  it.each<[what: string, change: (services: Services, entry: ResponseEntry) => unknown]>([
    ['has gone', ({ backend }) => backend.store.delete(['k'])],
    ['is a newer one', ({ backend }, entry) => backend.fill([{ key: 'k', entry: { ...entry, cost: 7 } }])],
  ])('writes nothing where what is stored %s meanwhile', async (_, change) => {
    const { services, entry, told } = stored();
    const inside = deferred();
    vi.spyOn(GZIP, 'compress').mockImplementation(async () => {
      change(services, entry);
      return Buffer.alloc(10);
    });
    const original = services.backend.replace.bind(services.backend);
    const replace = vi.spyOn(services.backend, 'replace').mockImplementation((...asked) => {
      const done = original(...asked);
      inside.resolve(undefined);
      return done;
    });
    const before = read(services);
    begin(services, entry, { encodings: ['gzip'] });
    await inside.promise;
    await Promise.resolve();
    expect(replace).toHaveBeenCalledOnce();
    expect(read(services)?.forms).toBeUndefined();
    expect(before).toBeDefined();
    expect(told).toEqual({ compress: [], error: [] });
  });

  it('writes nothing of what was invalidated while it worked', async () => {
    const { services, entry, told } = stored();
    const replace = vi.spyOn(services.backend, 'replace');
    const over = deferred();
    vi.spyOn(GZIP, 'compress').mockImplementation(async () => {
      await services.backend.purge(OF_ALL_OF_ACME);
      setImmediate(() => over.resolve(undefined));
      return Buffer.alloc(10);
    });
    begin(services, entry, { encodings: ['gzip'] });
    await over.promise;
    expect(replace).not.toHaveBeenCalled();
    expect(told.compress).toEqual([]);
    // What is dead before its turn comes is not even compressed.
    vi.mocked(GZIP.compress).mockClear();
    begin(services, entry, { encodings: ['gzip'] });
    await new Promise(setImmediate);
    expect(GZIP.compress).not.toHaveBeenCalled();
  });

  it('brings nothing back that was invalidated as it wrote', async () => {
    const { services, entry } = stored();
    const { backend } = services;
    const replace = backend.replace.bind(backend);
    const over = deferred();
    vi.spyOn(backend, 'replace').mockImplementation(async (...asked) => {
      await backend.purge(OF_ALL_OF_ACME);
      const done = await replace(...asked);
      over.resolve(done);
      return done;
    });
    begin(services, entry);
    expect(await over.promise).toBe(true);
    const now = read(services)!;
    expect(now.forms).toBeDefined();
    expect(backend.ledger.stands(responseSubject(address, { tags: now.tags, name: undefined }), now.asOf)).toBe(false);
  });

  it('leaves the body where zlib fails, and says so', async () => {
    const { services, entry, told } = stored();
    vi.spyOn(GZIP, 'compress').mockRejectedValue(new Error('zlib is ill'));
    const failed = event(services, 'error');
    begin(services, entry);
    await failed;
    expect(told.error).toEqual([{ operation: 'compress', error: new Error('zlib is ill') }]);
    expect(read(services)).toEqual(entry);
  });

  it('leaves it where the store could not take it', async () => {
    const { services, entry } = stored();
    const compress = vi.spyOn(GZIP, 'compress');
    const written = Promise.reject(new Error('no Redis'));
    begin(services, entry, true, written);
    await expect(written).rejects.toThrow('no Redis');
    await new Promise(setImmediate);
    expect(compress).not.toHaveBeenCalled();
  });

  it('compresses two at a time, and lets no more wait than fit into 32 MiB with their names', async () => {
    const { services, entry } = stored(Buffer.alloc(1024 * 1024, TEXT));
    const gates: (() => void)[] = [];
    const running = vi
      .spyOn(GZIP, 'compress')
      .mockImplementation(() => new Promise((resolve) => gates.push(() => resolve(Buffer.alloc(2 ** 21)))));
    for (let i = 0; i < 50; i++) begin(services, entry, { encodings: ['gzip'] });
    let done = 0;
    while (done < 33) {
      await vi.waitFor(() => expect(gates.length).toBeGreaterThan(0), { interval: 1 });
      expect(running.mock.calls.length - done).toBeLessThanOrEqual(2);
      gates.shift()!();
      done++;
    }
    await new Promise(setImmediate);
    expect([running.mock.calls.length, gates.length]).toEqual([33, 0]);
  });

  it('is over with the cache', async () => {
    const { services, entry } = stored();
    const replace = vi.spyOn(services.backend, 'replace');
    begin(services, entry, { encodings: ['gzip'] });
    services.compressor.close();
    begin(services, entry, { encodings: ['gzip'] });
    await GZIP.compress(entry.body);
    await new Promise(setImmediate);
    expect(replace).not.toHaveBeenCalled();
  });
});

function deferred() {
  let resolve!: (value: unknown) => void;
  const promise = new Promise((go) => {
    resolve = go;
  });
  return { promise, resolve };
}
