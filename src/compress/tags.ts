import type { Coding } from '../entry/entry.js';
import { isStrongTag } from '../http/etag.js';

/*
 * A strong entity tag names bytes, and each form has its own (RFC 9110 §8.8.3). That of a form is the handler's with the
 * coding behind it, as Jetty writes it: `"abc--br"`. A weak one names what all forms say alike, and stays.
 */
const OF_A_FORM: RegExp = /--(gzip|br|zstd)"/g;

/** The tag of a form of what has this tag. */
export function tagOf(etag: string, coding: Coding): string {
  return isStrongTag(etag) ? `${etag.trim().slice(0, -1)}--${coding}"` : etag;
}

/** A list of entity tags, those of the forms that are read being those that the handler has given. */
export function plainTags(list: string, isRead: (coding: Coding) => boolean): string {
  return list.replace(OF_A_FORM, (tag, coding: Coding) => (isRead(coding) ? '"' : tag));
}
