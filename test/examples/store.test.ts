import { rawTimeZones } from '@vvo/tzdb';
import { beforeEach, describe, expect, it } from 'vitest';
import { createDatabase } from '../../examples/data/store.js';

// Counts are taken from the package, not written down: a new version of it may hold other zones.
const rows = rawTimeZones.length;
const berlin = 'europe-berlin';
const draft = {
  name: 'Etc/Moonbase',
  label: 'Moonbase Time',
  region: 'antarctica',
  country: 'Moon',
  countryCode: 'XM',
  offset: 0,
  abbreviation: 'MBT',
  cities: ['Tranquility'],
};

let db: ReturnType<typeof createDatabase>;

beforeEach(() => {
  db = createDatabase({ latency: 0 });
});

describe('list', () => {
  it('gives the first page by name when nothing is asked for', async () => {
    const page = await db.list('acme');
    expect(page).toMatchObject({ total: rows, page: 1, limit: 20, pages: Math.ceil(rows / 20) });
    expect(page.items[0]?.name).toBe('Africa/Abidjan');
  });

  it.each(['name', 'label', 'country', 'offset', '-offset', 'cities', '-cities'])(
    'sorted by %s, the pages hold every zone once',
    async (sort) => {
      const { pages } = await db.list('acme', { sort, limit: 50 });
      const numbers = Array.from({ length: pages }, (_, index) => index + 1);
      const all = await Promise.all(numbers.map((page) => db.list('acme', { sort, page, limit: 50 })));
      const ids = all.flatMap(({ items }) => items.map(({ id }) => id));
      expect(ids).toHaveLength(rows);
      expect(new Set(ids).size).toBe(rows);
    },
  );

  it('is empty beyond the last page', async () => {
    expect(await db.list('acme', { page: 1000 })).toMatchObject({ total: rows, page: 1000, items: [] });
  });

  it('keeps to one region, in the order asked for', async () => {
    const { items, total } = await db.list('acme', { region: 'europe', sort: '-offset', limit: 100 });
    expect(items).toHaveLength(total);
    expect(items.every(({ region }) => region === 'europe')).toBe(true);
    const offsets = items.map(({ offset }) => offset);
    expect(offsets).toEqual([...offsets].sort((a, b) => b - a));
  });

  it('takes the text of a query string, and leaves parameters it does not know alone', async () => {
    const query = { page: '2', limit: '5', utm_source: 'mail' };
    expect(await db.list('acme', query)).toEqual(await db.list('acme', { page: 2, limit: 5 }));
  });
});

describe('find', () => {
  it('gives one zone', async () => {
    const zone = await db.find('acme', berlin);
    expect(zone).toMatchObject({ id: berlin, name: 'Europe/Berlin', region: 'europe', countryCode: 'DE', offset: 60 });
    expect(zone?.aliases).not.toContain('Europe/Berlin');
  });

  it.each(['nowhere', '', '__proto__', 'Europe/Berlin'])('gives undefined for %j', async (id) => {
    expect(await db.find('acme', id)).toBeUndefined();
  });

  it('hands out records nobody can change', async () => {
    const zone = await db.find('acme', berlin);
    expect(Object.isFrozen(zone) && Object.isFrozen(zone?.cities) && Object.isFrozen(zone?.aliases)).toBe(true);
  });
});

describe('stats', () => {
  it('adds up over the regions', async () => {
    const stats = await db.stats('acme');
    expect(stats.zones).toBe(rows);
    expect(stats.regions.reduce((sum, { zones }) => sum + zones, 0)).toBe(rows);
    expect(stats.regions.map(({ region }) => region)).toContain('north-america');
  });

  it('follows an edit', async () => {
    const before = await db.stats('acme');
    await db.update('acme', 'antarctica-troll', { offset: 7 });
    expect((await db.stats('acme')).offsets).toBe(before.offsets + 1);
  });
});

describe('writes', () => {
  it('shows an edit in the list and in the detail, and keeps the other fields', async () => {
    const before = await db.find('acme', berlin);
    const after = await db.update('acme', berlin, { label: '  Berlin Time ', cities: ['Berlin'] });
    expect(after).toEqual({ ...before, label: 'Berlin Time', cities: ['Berlin'] });
    expect(await db.find('acme', berlin)).toEqual(after);
    const { items } = await db.list('acme', { region: 'europe', limit: 100 });
    expect(items.find(({ id }) => id === berlin)).toEqual(after);
  });

  it('keeps both of two edits of one zone that overlap', async () => {
    await Promise.all([
      db.update('acme', berlin, { label: 'Berlin Time' }),
      db.update('acme', berlin, { abbreviation: 'BT' }),
    ]);
    expect(await db.find('acme', berlin)).toMatchObject({ label: 'Berlin Time', abbreviation: 'BT' });
  });

  it('answers a read that began before a write with what was there then', async () => {
    const write = db.update('acme', berlin, { label: 'Berlin Time' });
    const read = db.find('acme', berlin);
    await write;
    expect((await read)?.label).toBe('Central European Time');
  });

  it('leaves the data of the package and of other databases alone', async () => {
    const copy = structuredClone(rawTimeZones);
    await db.update('acme', berlin, { cities: ['Bonn'] });
    await db.remove('acme', 'europe-paris');
    expect(rawTimeZones).toEqual(copy);
    expect((await createDatabase({ latency: 0 }).find('acme', berlin))?.cities).not.toContain('Bonn');
  });

  it('does not keep the list a caller handed in', async () => {
    const cities = ['Bonn'];
    await db.update('acme', berlin, { cities });
    cities.push('Ulm');
    expect((await db.find('acme', berlin))?.cities).toEqual(['Bonn']);
  });

  it('creates, refuses a second of that name, removes, and creates again', async () => {
    const zone = await db.create('acme', draft);
    expect(zone).toEqual({ ...draft, id: 'etc-moonbase', summerAbbreviation: null, aliases: [] });
    expect(await db.list('acme')).toMatchObject({ total: rows + 1 });
    await expect(db.create('acme', draft)).rejects.toMatchObject({ status: 409 });
    expect(await db.remove('acme', zone.id)).toEqual(zone);
    expect(await db.find('acme', zone.id)).toBeUndefined();
    expect(await db.create('acme', draft)).toEqual(zone);
  });

  it('removes a zone of the package, after which it is unknown', async () => {
    expect(await db.remove('acme', berlin)).toMatchObject({ id: berlin });
    expect(await db.find('acme', berlin)).toBeUndefined();
    expect(await db.list('acme')).toMatchObject({ total: rows - 1 });
    expect(await db.update('acme', berlin, { label: 'x' })).toBeUndefined();
    expect(await db.remove('acme', berlin)).toBeUndefined();
  });
});

describe('tenants', () => {
  it('see their own edits, never those of another', async () => {
    const before = [await db.find('globex', berlin), await db.list('globex'), await db.stats('globex')];
    await db.update('acme', berlin, { label: 'Acme Time', offset: 7 });
    await db.remove('acme', 'africa-abidjan');
    await db.create('acme', draft);
    expect([await db.find('globex', berlin), await db.list('globex'), await db.stats('globex')]).toEqual(before);
    await db.update('globex', berlin, { label: 'Globex Time' });
    expect((await db.find('acme', berlin))?.label).toBe('Acme Time');
  });

  it.each(['initech', '', '__proto__', undefined])('are the ones it was made with: not %j', async (tenant) => {
    const error = { status: 400, message: expect.stringMatching(/^tenant: got .*, takes one of acme, globex$/) };
    for (const call of [
      () => db.list(tenant as string),
      () => db.find(tenant as string, berlin),
      () => db.stats(tenant as string),
      () => db.update(tenant as string, berlin, { label: 'x' }),
      () => db.create(tenant as string, draft),
      () => db.remove(tenant as string, berlin),
    ]) {
      await expect(call()).rejects.toMatchObject(error);
    }
  });

  it('can be others', async () => {
    const other = createDatabase({ latency: 0, tenants: ['initech'] });
    expect(await other.find('initech', berlin)).toBeDefined();
    await expect(other.find('acme', berlin)).rejects.toMatchObject({ status: 400 });
  });
});

describe('checks', () => {
  it.each([
    [{ page: 0 }, 'page: got 0, takes a whole number from 1 to 1000000'],
    [{ page: '1.5' }, "page: got '1.5', takes a whole number from 1 to 1000000"],
    [{ page: ['1', '2'] }, "page: got [ '1', '2' ], takes a whole number from 1 to 1000000"],
    [{ limit: '101' }, "limit: got '101', takes a whole number from 1 to 100"],
    [{ limit: '' }, "limit: got '', takes a whole number from 1 to 100"],
    [{ region: 'atlantis' }, "region: got 'atlantis', takes one of africa, antarctica, asia, europe"],
    [{ sort: '--name' }, "sort: got '--name', takes one of name, -name, label"],
    [{ sort: 'constructor' }, "sort: got 'constructor', takes one of name"],
  ])('a list refuses %j', async (query, message) => {
    await expect(db.list('acme', query)).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining(message),
    });
  });

  it.each([
    [null, 'patch: got null, takes an object with label, abbreviation, offset, cities'],
    [['label'], "patch: got [ 'label' ], takes an object with"],
    [{}, 'patch: got {}, takes one or more of label, abbreviation, offset, cities'],
    [{ label: ' ' }, "label: got ' ', takes a text of 1 to 80 characters"],
    [{ abbreviation: 7 }, 'abbreviation: got 7, takes a text of 1 to 10 characters'],
    [{ offset: '60' }, "offset: got '60', takes a whole number of minutes from -720 to 840"],
    [{ offset: 841 }, 'offset: got 841, takes a whole number of minutes from -720 to 840'],
    [{ cities: [] }, 'cities: got [], takes a list of 1 to 20 texts'],
    [{ cities: ['Bonn', 1] }, 'cities[1]: got 1, takes a text of 1 to 60 characters'],
    [{ id: 'other' }, "id: got 'other', takes nothing"],
    [JSON.parse('{"__proto__": 1}'), '__proto__: got 1, takes nothing'],
  ])('an update refuses %j, and changes nothing', async (patch, message) => {
    const before = await db.find('acme', berlin);
    await expect(db.update('acme', berlin, patch)).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining(message),
    });
    expect(await db.find('acme', berlin)).toEqual(before);
  });

  it.each(Object.keys(draft))('a zone without %s is refused', async (field) => {
    const { [field]: _, ...rest } = draft as Record<string, unknown>;
    const message = expect.stringContaining(`${field}: got undefined, takes `);
    await expect(db.create('acme', rest)).rejects.toMatchObject({ status: 400, message });
  });

  it('a message stays short however long the value is', async () => {
    const long = 'x'.repeat(100_000);
    const errors = [
      db.list('acme', { region: long }),
      db.update('acme', berlin, { [long]: long }),
      db.update('acme', berlin, { label: Array.from({ length: 1000 }, () => long) }),
    ].map((call) => call.catch((error: Error) => error.message));
    for (const message of await Promise.all(errors)) expect(String(message).length).toBeLessThan(400);
  });
});

describe('reads', () => {
  it('counts lists, details and aggregates, not writes and not what was refused', async () => {
    expect(db.reads).toBe(0);
    await Promise.all([db.list('acme'), db.find('globex', 'nowhere'), db.stats('acme')]);
    expect(db.reads).toBe(3);
    await db.update('acme', berlin, { label: 'x' });
    await db.create('acme', draft);
    await db.remove('acme', berlin);
    await db.list('acme', { page: 0 }).catch(() => undefined);
    await db.find('initech', berlin).catch(() => undefined);
    expect(db.reads).toBe(3);
  });

  it('takes as long as it was told to', async () => {
    const slow = createDatabase({ latency: 60 });
    const start = performance.now();
    await slow.find('acme', berlin);
    // A timer may fire up to a millisecond early.
    expect(performance.now() - start).toBeGreaterThanOrEqual(58);
  });
});
