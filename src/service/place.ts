import { show } from '../errors.js';
import { valueKey, valueNames } from '../request/key.js';
import { escapeTenant, NO_TENANT } from '../request/tenant.js';

/** Where a value lies, and what it can be invalidated by. */
export interface Place {
  readonly key: string;
  /** Escaped. */
  readonly tenant: string;
  readonly names: readonly string[];
}

/** The place of a client's key. @throws {TypeError} if one of them is no text, or empty */
export function placeOf(prefix: string, key: string, clientId: string): Place {
  const tenant = tenantOf(clientId);
  const name = textOf('key', key);
  return { tenant, key: valueKey(prefix, tenant, name), names: valueNames(name) };
}

/** A client's name, escaped. @throws {TypeError} if it is no text, or empty */
export function tenantOf(clientId: unknown): string {
  return escapeTenant(textOf('clientId', clientId));
}

/** The same of whom something is invalidated: `null` stands for what belongs to no client. @throws {TypeError} */
export function ownerOf(clientId: unknown): string {
  return clientId === null ? NO_TENANT : tenantOf(clientId);
}

/** @throws {TypeError} if an argument is no text, or empty */
export function textOf(argument: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new TypeError(`${argument} is ${told(value)}; it takes a text that is not empty`);
}

/** Not what is in it: where arguments are mixed up, it is somebody's data. */
function told(value: unknown): string {
  if (value === '') return 'empty';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : show(value);
}
