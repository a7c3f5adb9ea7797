import { listOf } from './structured.js';

/** Groups that one field can name; RFC 9875 §2 asks for no more than 32. */
const MOST_GROUPS = 128;

/**
 * The groups of a `Cache-Groups` or `Cache-Group-Invalidation` field (RFC 9875 §2, §3), each once, in the order they
 * came, at most 128. Their case matters. Members that are no Strings are passed over, parameters ignored; a field that
 * does not parse names none.
 */
export function parseGroups(text: string | undefined): readonly string[] {
  const groups = new Set<string>();
  for (const [member] of listOf(text) ?? []) {
    if (typeof member === 'string') groups.add(member);
    if (groups.size === MOST_GROUPS) break;
  }
  return [...groups];
}
