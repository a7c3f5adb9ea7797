import etag from 'etag';

/** Entity tags in a list field: an optional weakness mark and an opaque text in quotes (RFC 9110 §8.8.3). */
const ENTITY_TAG: RegExp = /(?:W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/g;

/**
 * An entity tag for a body that came without one. It is a weak one: a compressing layer outside may change the bytes
 * on the wire, and a strong tag would then be a lie.
 */
export function makeEtag(body: Uint8Array): string {
  return etag(Buffer.from(body.buffer, body.byteOffset, body.byteLength), { weak: true });
}

/** `If-None-Match` against a response's tag: `*`, lists, and the weak comparison (RFC 9110 §13.1.2, §8.8.3.2). */
export function matchesEtag(ifNoneMatch: string, tag: string | undefined): boolean {
  if (ifNoneMatch.trim() === '*') return true;
  if (tag === undefined) return false;
  const wanted = opaque(tag);
  for (const match of ifNoneMatch.matchAll(ENTITY_TAG)) if (match[1] === wanted) return true;
  return false;
}

function opaque(tag: string): string | undefined {
  const match = /^(?:W\/)?"([\x21\x23-\x7e\x80-\xff]*)"$/.exec(tag.trim());
  return match?.[1];
}
