import { setTimeout as sleep } from 'node:timers/promises';
import { checkDraft, checkPatch, checkQuery, checkWord, httpError } from './checks.js';
import { freeze, slug, zones } from './zones.js';

/** @typedef {import('./zones.js').Zone} Zone */

/**
 * One tenant's edits over the shared data: null stands for a zone it removed.
 *
 * @typedef {Map<string, Zone | null>} Overlay
 */

/**
 * @typedef {object} Page
 * @property {number} total zones that match, on all pages
 * @property {number} page
 * @property {number} pages 1 or more, even when nothing matches
 * @property {number} limit
 * @property {Zone[]} items empty beyond the last page
 */

/**
 * @typedef {object} Summary
 * @property {number} zones
 * @property {number} countries
 * @property {number} cities
 * @property {number} offsets how many different offsets from UTC
 * @property {number} summerTime zones where clocks change in summer
 */

/** @typedef {Summary & { regions: (Summary & { region: string })[] }} Stats */

const collator = new Intl.Collator('en');

/** @type {Record<string, (a: Zone, b: Zone) => number>} */
const orders = {
  name: (a, b) => collator.compare(a.name, b.name),
  label: (a, b) => collator.compare(a.label, b.label),
  country: (a, b) => collator.compare(a.country, b.country),
  offset: (a, b) => a.offset - b.offset,
  cities: (a, b) => a.cities.length - b.cities.length,
};

/**
 * Equal zones stay in the order of their ids, in either direction: without that, pages could overlap.
 *
 * @param {string} sort
 * @returns {(a: Zone, b: Zone) => number}
 */
function comparer(sort) {
  const order = orders[sort.replace('-', '')] ?? (() => 0);
  const sign = sort.startsWith('-') ? -1 : 1;
  return (a, b) => sign * order(a, b) || (a.id < b.id ? -1 : 1);
}

/**
 * @param {Zone[]} rows
 * @param {import('./checks.js').Query} query
 * @returns {Page}
 */
function select(rows, { region, sort, page, limit }) {
  const found = rows.filter((zone) => region === undefined || zone.region === region).sort(comparer(sort));
  const start = (page - 1) * limit;
  const pages = Math.max(1, Math.ceil(found.length / limit));
  return { total: found.length, page, pages, limit, items: found.slice(start, start + limit) };
}

/**
 * @param {Zone[]} rows
 * @returns {Summary}
 */
function summarize(rows) {
  return {
    zones: rows.length,
    countries: new Set(rows.map((zone) => zone.countryCode)).size,
    cities: new Set(rows.flatMap((zone) => zone.cities.map((city) => `${zone.countryCode} ${city}`))).size,
    offsets: new Set(rows.map((zone) => zone.offset)).size,
    summerTime: rows.filter((zone) => zone.summerAbbreviation !== null).length,
  };
}

/**
 * @param {Zone[]} rows
 * @returns {Stats}
 */
function aggregate(rows) {
  const regions = [...new Set(rows.map((zone) => zone.region))].sort();
  const inRegion = (/** @type {string} */ region) => rows.filter((zone) => zone.region === region);
  return { ...summarize(rows), regions: regions.map((region) => ({ region, ...summarize(inRegion(region)) })) };
}

/**
 * @param {Overlay} overlay
 * @param {string} id
 * @returns {Zone | undefined}
 */
function lookup(overlay, id) {
  const own = overlay.get(id);
  return own === undefined ? zones.get(id) : (own ?? undefined);
}

/**
 * @param {Overlay} overlay
 * @returns {Zone[]}
 */
function merge(overlay) {
  return [...new Map([...zones, ...overlay]).values()].filter((zone) => zone !== null);
}

/**
 * A slow database of time zones, where each tenant sees the same data plus its own edits. It lives in memory: a new
 * one starts from the package's data again.
 *
 * A read answers with the data of the moment it began and a write takes hold when it ends, so a read that overlaps a
 * write returns what was there before. A cache has to cope with that; a database that hid it would prove nothing.
 *
 * @param {{ latency?: number, tenants?: readonly string[] }} [options] `latency`: how long each call takes, in ms
 */
export function createDatabase({ latency = 120, tenants = ['acme', 'globex'] } = {}) {
  /** @type {Map<string, Overlay>} */
  const overlays = new Map(tenants.map((tenant) => [tenant, new Map()]));
  let reads = 0;

  /** @param {unknown} tenant */
  function overlayOf(tenant) {
    // The check throws for a tenant it does not know, so the empty Map is there for the type alone.
    return overlays.get(checkWord('tenant', tenant, tenants)) ?? new Map();
  }

  /**
   * @template T
   * @param {T} answer
   */
  async function slowRead(answer) {
    reads += 1;
    await sleep(latency);
    return answer;
  }

  return {
    /**
     * How many slow reads ran: `list`, `find` and `stats`, not those that were refused.
     *
     * @returns {number}
     */
    get reads() {
      return reads;
    },

    /**
     * @param {string} tenant
     * @param {{ region?: unknown, sort?: unknown, page?: unknown, limit?: unknown }} [query] may be `req.query` as is
     * @returns {Promise<Page>}
     */
    async list(tenant, query = {}) {
      const overlay = overlayOf(tenant);
      return slowRead(select(merge(overlay), checkQuery(query)));
    },

    /**
     * @param {string} tenant
     * @param {string} id
     * @returns {Promise<Zone | undefined>}
     */
    async find(tenant, id) {
      return slowRead(lookup(overlayOf(tenant), id));
    },

    /**
     * @param {string} tenant
     * @returns {Promise<Stats>}
     */
    async stats(tenant) {
      return slowRead(aggregate(merge(overlayOf(tenant))));
    },

    /**
     * @param {string} tenant
     * @param {string} id
     * @param {unknown} patch one or more of label, abbreviation, offset, cities
     * @returns {Promise<Zone | undefined>} the zone as it is now
     */
    async update(tenant, id, patch) {
      const overlay = overlayOf(tenant);
      const checked = checkPatch(patch);
      await sleep(latency);
      // Looked up after the wait: two edits of one zone that overlap must both survive.
      const zone = lookup(overlay, id);
      if (!zone) return undefined;
      const edited = freeze({ ...zone, ...checked });
      overlay.set(id, edited);
      return edited;
    },

    /**
     * @param {string} tenant
     * @param {unknown} draft all of name, label, region, country, countryCode, offset, abbreviation, cities
     * @returns {Promise<Zone>} rejects with status 409 when the tenant has a zone of that id
     */
    async create(tenant, draft) {
      const overlay = overlayOf(tenant);
      const checked = checkDraft(draft);
      const zone = freeze({ ...checked, id: slug(checked.name), summerAbbreviation: null, aliases: [] });
      await sleep(latency);
      if (lookup(overlay, zone.id)) throw httpError(409, `name: got '${zone.name}', takes one that is not there yet`);
      overlay.set(zone.id, zone);
      return zone;
    },

    /**
     * @param {string} tenant
     * @param {string} id
     * @returns {Promise<Zone | undefined>} the zone that was removed
     */
    async remove(tenant, id) {
      const overlay = overlayOf(tenant);
      await sleep(latency);
      const zone = lookup(overlay, id);
      if (zone) overlay.set(id, null);
      return zone;
    },
  };
}
