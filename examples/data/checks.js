import { inspect } from 'node:util';
import { regions } from './zones.js';

/**
 * @typedef {object} Query
 * @property {string | undefined} region
 * @property {string} sort
 * @property {number} page
 * @property {number} limit
 */

/** @typedef {import('./zones.js').Zone} Zone */

/**
 * What an edit may hold.
 *
 * @typedef {Partial<Pick<Zone, 'label' | 'abbreviation' | 'offset' | 'cities'>>} Patch
 */

/**
 * What a new zone must hold.
 *
 * @typedef {Omit<Zone, 'id' | 'summerAbbreviation' | 'aliases'>} Draft
 */

const sortFields = ['name', 'label', 'country', 'offset', 'cities'];

/** Each field with a minus in front of it too, for the descending order. */
const sorts = sortFields.flatMap((field) => [field, `-${field}`]);

/** @param {readonly string[]} words */
const oneOf = (words) => `one of ${words.join(', ')}`;

/**
 * An error a route can hand to Express or Koa as it is: both answer with `status`, and `expose` lets Koa show the text.
 *
 * @param {number} status
 * @param {string} message
 * @returns {Error & { status: number, expose: boolean }}
 */
export function httpError(status, message) {
  return Object.assign(new Error(message), { status, expose: true });
}

/** @param {string} text */
const cut = (text, length = 160) => (text.length > length ? `${text.slice(0, length)}...` : text);

/**
 * The text goes into a response: whatever a caller can make long is cut.
 *
 * @param {string} field
 * @param {unknown} value
 * @param {string} takes
 */
function bad(field, value, takes) {
  const held = inspect(value, { depth: 1, maxArrayLength: 5, maxStringLength: 60, breakLength: Infinity });
  return httpError(400, `${cut(field, 60)}: got ${cut(held)}, takes ${takes}`);
}

/**
 * @param {string} field
 * @param {unknown} value
 * @param {readonly string[]} words
 * @returns {string}
 */
export function checkWord(field, value, words) {
  if (typeof value !== 'string' || !words.includes(value)) throw bad(field, value, oneOf(words));
  return value;
}

/**
 * Query strings hold text, programs hold numbers: both are taken.
 *
 * @param {string} field
 * @param {unknown} value
 * @param {number} max
 */
function checkCount(field, value, max) {
  const number = typeof value === 'string' && /^\d{1,7}$/.test(value) ? Number(value) : value;
  if (!isWhole(number, 1, max)) throw bad(field, value, `a whole number from 1 to ${max}`);
  return number;
}

/**
 * @param {unknown} value
 * @param {number} min
 * @param {number} max
 * @returns {value is number}
 */
function isWhole(value, min, max) {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

/**
 * Parameters it does not know are left alone: a real URL carries such things as `utm_source`.
 *
 * @param {Record<string, unknown>} query
 * @returns {Query}
 */
export function checkQuery({ region, sort = 'name', page = 1, limit = 20 }) {
  return {
    region: region === undefined ? undefined : checkWord('region', region, regions),
    sort: checkWord('sort', sort, sorts),
    page: checkCount('page', page, 1_000_000),
    limit: checkCount('limit', limit, 100),
  };
}

/**
 * @param {number} max
 * @returns {(field: string, value: unknown) => string}
 */
const text = (max) => (field, value) => {
  const trimmed = typeof value === 'string' ? value.trim() : '';
  if (trimmed === '' || trimmed.length > max) throw bad(field, value, `a text of 1 to ${max} characters`);
  return trimmed;
};

/**
 * @param {RegExp} pattern
 * @param {string} takes
 * @returns {(field: string, value: unknown) => string}
 */
const shaped = (pattern, takes) => (field, value) => {
  if (typeof value !== 'string' || value.length > 80 || !pattern.test(value)) throw bad(field, value, takes);
  return value;
};

/** @type {(field: string, value: unknown) => number} */
function minutes(field, value) {
  if (!isWhole(value, -720, 840)) throw bad(field, value, 'a whole number of minutes from -720 to 840');
  return value;
}

/** @type {(field: string, value: unknown) => readonly string[]} */
function names(field, value) {
  const list = Array.isArray(value) ? value : [];
  if (list.length < 1 || list.length > 20) throw bad(field, value, 'a list of 1 to 20 texts');
  return list.map((city, index) => text(60)(`${field}[${index}]`, city));
}

/** @type {Record<string, (field: string, value: unknown) => unknown>} */
const patchFields = { label: text(80), abbreviation: text(10), offset: minutes, cities: names };

/** @type {typeof patchFields} */
const draftFields = {
  ...patchFields,
  name: shaped(/^[A-Za-z_]+(\/[A-Za-z0-9_+-]+)+$/, "an IANA name such as 'Europe/Berlin'"),
  region: (field, value) => checkWord(field, value, regions),
  country: text(80),
  countryCode: shaped(/^[A-Z]{2}$/, "two capital letters such as 'DE'"),
};

/**
 * @param {string} what
 * @param {unknown} input
 * @param {typeof patchFields} fields
 * @returns {Record<string, unknown>}
 */
function checkFields(what, input, fields) {
  const takes = `an object with ${Object.keys(fields).join(', ')}`;
  if (typeof input !== 'object' || input === null || Array.isArray(input)) throw bad(what, input, takes);
  /** @type {Record<string, unknown>} */
  const checked = {};
  for (const [field, value] of Object.entries(input)) {
    const check = Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (!check) throw bad(field, value, `nothing: not a field of a ${what}, which is ${takes}`);
    checked[field] = check(field, value);
  }
  return checked;
}

/**
 * @param {unknown} input
 * @returns {Patch}
 */
export function checkPatch(input) {
  const patch = checkFields('patch', input, patchFields);
  const takes = `one or more of ${Object.keys(patchFields).join(', ')}`;
  if (Object.keys(patch).length === 0) throw bad('patch', input, takes);
  return patch;
}

/**
 * @param {unknown} input
 * @returns {Draft}
 */
export function checkDraft(input) {
  const draft = checkFields('zone', input, draftFields);
  // A field that is missing is run through its own check, which says what it takes.
  for (const [field, check] of Object.entries(draftFields)) draft[field] ??= check(field, undefined);
  return /** @type {Draft} */ (/** @type {unknown} */ (draft));
}
