import { fieldText, isToken } from '../http/headers.js';
import type { Fields } from '../types.js';
import { ORIGIN_FIELDS } from './key.js';

/** Where the application is taken to be, and in which form answers are wanted. */
const TELLING = [...ORIGIN_FIELDS.filter(isToken), 'accept', 'accept-encoding', 'accept-language'];
/** Longer values are left out: they would be kept in memory. */
const LONGEST = 256;

/** Of a request's fields those by which responses to one target usually differ; no credentials are among them. */
export function tellingFields(headers: Fields): Record<string, string> {
  const told: Record<string, string> = {};
  for (const name of TELLING) {
    const value = fieldText(headers, name);
    if (value !== undefined && value.length <= LONGEST) told[name] = value;
  }
  return told;
}
