import { hash } from 'node:crypto';

/** An entity tag and nothing else: an optional weakness mark, an opaque text in quotes (RFC 9110 §8.8.3). */
const ENTITY_TAG: RegExp = /^(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"$/;

/** A member of a list of entity tags up to the comma behind it; a list may have empty members (RFC 9110 §5.6.1). */
const MEMBER: RegExp = /[ \t]*(?:(?:W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*)?(?:,|$)/y;

/**
 * An entity tag for a body that came without one. It is a weak one: a compressing layer outside may change the bytes
 * on the wire, and a strong tag would then be a lie. The same as the package `etag` makes, which Express uses, in half the
 * time.
 */
export function makeEtag(body: Uint8Array): string {
  return `W/"${body.byteLength.toString(16)}-${hash('sha1', body, 'base64').slice(0, DIGITS)}"`;
}

/** A SHA-1 in base64 without its padding. */
const DIGITS = 27;

/**
 * `If-None-Match` against a response's tag: `*`, lists, and the weak comparison (RFC 9110 §13.1.2, §8.8.3.2). A list
 * is read up to the first member that is no entity tag, because nobody knows where such a member ends; a response's
 * tag without quotes matches nothing. Whoever is in doubt gets the whole response.
 */
export function matchesEtag(ifNoneMatch: string, tag: string | undefined): boolean {
  if (ifNoneMatch.trim() === '*') return true;
  const wanted = tag === undefined ? undefined : ENTITY_TAG.exec(tag.trim())?.[2];
  if (wanted === undefined) return false;
  let at = 0;
  while (at < ifNoneMatch.length) {
    MEMBER.lastIndex = at;
    const match = MEMBER.exec(ifNoneMatch);
    if (match === null) return false;
    if (match[1] === wanted) return true;
    at = MEMBER.lastIndex;
  }
  return false;
}

/** Whether a text is an entity tag that stands for the same bytes each time: it has no `W/` (RFC 9110 §8.8.1). */
export function isStrongTag(tag: string | undefined): boolean {
  const match = tag === undefined ? null : ENTITY_TAG.exec(tag.trim());
  return match !== null && match[1] === undefined;
}

/** The strong comparison (RFC 9110 §8.8.3.2): both are strong entity tags, and the same one. */
export function sameStrongTag(a: string | undefined, b: string | undefined): boolean {
  return isStrongTag(a) && a?.trim() === b?.trim();
}
