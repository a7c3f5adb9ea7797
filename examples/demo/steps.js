/*
 * What the demo does, step by step, and what must come of it.
 *
 *   says     the step in words
 *   request  its method and path, sent as `tenant`, with `headers` (a function of the answers so far) and `json`
 *   as       a name for its answer, for later steps to look back at
 *   status   of the answer
 *   cache    what the cache must say (see `verdict` in run.js)
 *   reads    how often the database must be read for it: 0 unless said otherwise
 *   body     what must be in the answer: in words, and as a function of (answer, answers so far, database)
 */

const LIST = 'GET /zones?region=europe&page=1';
const ZONE = 'GET /zones/europe-berlin';
const OTHER = 'GET /zones/europe-paris';
const STATS = 'GET /stats';
const NEW = 'GET /zones/etc-moonbase';

const moonbase = {
  name: 'Etc/Moonbase',
  label: 'Moonbase Time',
  region: 'antarctica',
  country: 'Moon',
  countryCode: 'XM',
  offset: 0,
  abbreviation: 'MBT',
  cities: ['Tranquility'],
};

const acme = { tenant: 'acme', status: 200 };
const globex = { tenant: 'globex', status: 200 };
const miss = { cache: 'MISS', reads: 1 };
const hit = { cache: 'HIT' };

const parsed = (answer) => JSON.parse(answer.text);

const same = (name) => ['the very bytes of before', (answer, seen) => answer.text === seen[name].text];
const empty = ['no body', (answer) => answer.text === ''];
const asLong = (name) => [
  'no body, and the length of the GET',
  (answer, seen) => answer.text === '' && answer.headers['content-length'] === seen[name].headers['content-length'],
];
const labelled = (label) => [`the label ${label}`, (answer) => parsed(answer).label === label];
const listing = (label) => [
  `a list with the label ${label}`,
  (answer) => parsed(answer).items.some((zone) => zone.id === 'europe-berlin' && zone.label === label),
];
const moreOffsets = (name) => [
  'one offset more than before',
  (answer, seen) => parsed(answer).offsets === parsed(seen[name]).offsets + 1,
];
const oldAndTrue = (name) => [
  'the very bytes of before, and what the database holds for this tenant',
  async (answer, seen, database) =>
    answer.text === seen[name].text && answer.text === JSON.stringify(await database.find('globex', 'europe-berlin')),
];

export const steps = [
  { says: 'The first read asks the database', request: LIST, ...acme, ...miss, as: 'list' },
  { says: 'the second does not', request: LIST, ...acme, ...hit, body: same('list') },
  {
    says: 'A browser has it (its ETag)',
    request: LIST,
    ...acme,
    headers: (seen) => ({ 'if-none-match': seen.list.headers.etag ?? 'none' }),
    status: 304,
    cache: 'HIT, 304',
    body: empty,
  },
  { says: 'HEAD, out of the stored GET', request: LIST.replace('GET', 'HEAD'), ...acme, ...hit, body: asLong('list') },
  {
    says: 'The query in another order',
    request: 'GET /zones?page=1&region=europe',
    ...acme,
    ...hit,
    body: same('list'),
  },
  { says: 'The link in a newsletter', request: `${LIST}&utm_id=7`, ...acme, ...hit, body: same('list') },

  { says: 'Another tenant: its own miss', request: LIST, ...globex, ...miss, as: 'theirList' },
  { says: 'and its own hit', request: LIST, ...globex, ...hit, body: same('theirList') },
  { says: 'It reads one zone', request: ZONE, ...globex, ...miss, as: 'theirZone' },

  { says: 'acme reads that zone', request: ZONE, ...acme, ...miss, as: 'zone' },
  { says: 'another zone', request: OTHER, ...acme, ...miss, as: 'other' },
  { says: 'and figures of them all', request: STATS, ...acme, ...miss, as: 'stats' },

  {
    says: 'A write that is refused',
    request: 'PATCH /zones/europe-berlin',
    ...acme,
    json: { offset: 'noon' },
    status: 400,
    cache: 'untouched',
  },
  { says: 'leaves all as it was', request: ZONE, ...acme, ...hit, body: same('zone') },
  {
    says: 'A write invalidates',
    request: 'PATCH /zones/europe-berlin',
    ...acme,
    json: { label: 'Berlin Time', offset: 61 },
    cache: 'invalidated',
    body: labelled('Berlin Time'),
  },
  { says: 'acme reads the new zone', request: ZONE, ...acme, ...miss, as: 'zone', body: labelled('Berlin Time') },
  { says: 'the new list', request: LIST, ...acme, ...miss, body: listing('Berlin Time') },
  { says: 'and new figures', request: STATS, ...acme, ...miss, body: moreOffsets('stats') },
  { says: 'The other zone did not change', request: OTHER, ...acme, ...hit, body: same('other') },
  { says: 'Other tenant unaffected', request: ZONE, ...globex, ...hit, body: oldAndTrue('theirZone') },
  { says: 'its list as well', request: LIST, ...globex, ...hit, body: same('theirList') },

  {
    says: 'A cookie: may be personal',
    request: ZONE,
    ...acme,
    headers: () => ({ cookie: 'session=1' }),
    cache: 'bypass: cookie',
    reads: 1,
    body: same('zone'),
  },
  { says: 'Without one: from the cache', request: ZONE, ...acme, ...hit, body: same('zone') },

  { says: 'A zone that does not exist', request: NEW, ...acme, ...miss, status: 404 },
  { says: 'is not looked for twice', request: NEW, ...acme, ...hit, status: 404 },
  {
    says: 'It is created',
    request: 'POST /zones',
    ...acme,
    json: moonbase,
    status: 201,
    cache: 'invalidated',
  },
  { says: 'and is there at once', request: NEW, ...acme, ...miss, body: labelled('Moonbase Time') },
  {
    says: 'It is removed',
    request: NEW.replace('GET', 'DELETE'),
    ...acme,
    status: 204,
    cache: 'invalidated',
  },
  { says: 'and is gone at once', request: NEW, ...acme, ...miss, status: 404 },

  { says: 'A stranger does not get in', request: LIST, tenant: 'umbra', status: 400, cache: 'not asked' },
];
