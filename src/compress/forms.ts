import { type Coding, ownCopy, type ResponseEntry } from '../entry/entry.js';
import { type HeaderLine, OF_THE_BYTES } from '../http/headers.js';
import type { Choice } from './choice.js';
import { tagOf } from './tags.js';

/** A body in one form. */
export interface Form {
  readonly coding: Coding;
  readonly bytes: Buffer;
}

/** The entry with forms in place of its body. */
export function packed(entry: ResponseEntry, forms: readonly Form[]): ResponseEntry {
  const list = forms.map(({ coding, bytes }) => ({ coding, bytes: bytes.length }));
  const body = ownCopy(...forms.map(({ bytes }) => bytes));
  return { ...entry, forms: { plainBytes: entry.body.length, list }, body };
}

/** The entry with its body in place of its forms. */
export function unpacked(entry: ResponseEntry, body: Buffer): ResponseEntry {
  return { ...entry, forms: undefined, body };
}

/** The bytes of one of an entry's forms: a view of what the entry holds. */
export function formOf({ forms, body }: Pick<ResponseEntry, 'forms' | 'body'>, wanted: Coding): Buffer {
  let start = 0;
  for (const { coding, bytes } of forms?.list ?? []) {
    if (coding === wanted) return body.subarray(start, start + bytes);
    start += bytes;
  }
  return NOTHING;
}

const NOTHING = Buffer.alloc(0);

/**
 * The entry as it leaves in a form: what a handler would have given that compresses. `choice` must be one that the entry can
 * give; where the client has the form already, the body is empty.
 */
export function inForm(entry: ResponseEntry, { coding, held }: Choice): ResponseEntry {
  if (coding === undefined) return held && entry.forms !== undefined ? unpacked(entry, NOTHING) : entry;
  const headers: HeaderLine[] = [];
  for (const line of entry.headers) {
    const name = line[0].toLowerCase();
    if (name === 'etag') headers.push([line[0], tagOf(String(line[1]), coding)]);
    else if (!OF_THE_BYTES.has(name)) headers.push(line);
  }
  headers.push(['Content-Encoding', coding]);
  return { ...unpacked(entry, formOf(entry, coding)), headers };
}
