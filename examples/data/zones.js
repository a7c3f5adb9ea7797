import { rawTimeZones } from '@vvo/tzdb';

/**
 * A time zone, as the example applications show it. Every record is deeply frozen: the store hands out the records
 * it keeps, and a route that wants to add something copies it first.
 *
 * @typedef {object} Zone
 * @property {string} id the name as one URL segment: 'america-new-york'
 * @property {string} name the IANA name: 'America/New_York'
 * @property {string} label 'Eastern Time'
 * @property {string} region 'north-america'
 * @property {string} country 'United States'
 * @property {string} countryCode ISO 3166-1 alpha-2: 'US'
 * @property {number} offset minutes from UTC outside of summer time: -300
 * @property {string} abbreviation 'EST'
 * @property {string | null} summerAbbreviation 'EDT', null where clocks do not change
 * @property {readonly string[]} cities one or more, the most populated first
 * @property {readonly string[]} aliases other IANA names that show the same time
 */

/**
 * An IANA name holds slashes, which would split a URL path: the id is its slug.
 *
 * @param {string} text
 * @returns {string}
 */
export const slug = (text) => text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

/**
 * @param {Zone} zone
 * @returns {Zone}
 */
export function freeze(zone) {
  return Object.freeze({
    ...zone,
    // Copies, so that neither the package's arrays nor a caller's are frozen.
    cities: Object.freeze([...zone.cities]),
    aliases: Object.freeze([...zone.aliases]),
  });
}

/** @param {import('@vvo/tzdb').RawTimeZone} raw */
function toZone(raw) {
  return freeze({
    id: slug(raw.name),
    name: raw.name,
    label: raw.alternativeName,
    region: slug(raw.continentName),
    country: raw.countryName,
    countryCode: raw.countryCode,
    offset: raw.rawOffsetInMinutes,
    abbreviation: raw.abbreviation,
    summerAbbreviation: raw.dstAbbreviation ?? null,
    cities: raw.mainCities,
    aliases: raw.group.filter((name) => name !== raw.name),
  });
}

/**
 * What every tenant starts from, by id.
 *
 * @type {ReadonlyMap<string, Zone>}
 */
export const zones = new Map(rawTimeZones.map(toZone).map((zone) => [zone.id, zone]));

/** @type {readonly string[]} */
export const regions = [...new Set([...zones.values()].map((zone) => zone.region))].sort();
