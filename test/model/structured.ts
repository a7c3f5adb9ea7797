// Dictionaries of RFC 8941 §3.2, as far as cache directives need them (RFC 9213 §2.1). The grammar is strict: one wrong
// sign and the whole field is not there.

import type { Directive } from './directives.js';

/** A member's value: a boolean, or its type and text. */
interface Member {
  readonly key: string;
  readonly type: 'true' | 'false' | 'integer' | 'decimal' | 'string' | 'token';
  readonly text: string;
}

const KEY = /^[a-z*][a-z0-9_\-.*]*/;
const ITEMS: readonly (readonly [Member['type'], RegExp])[] = [
  ['decimal', /^-?\d{1,12}\.\d{1,3}(?![\d.])/],
  ['integer', /^-?\d{1,15}(?![\d.])/],
  ['string', /^"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"/],
  ['token', /^[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*/],
  ['true', /^\?1/],
  ['false', /^\?0/],
];

/** The members of a dictionary, the last of each key (§4.2.2); `undefined`: it does not parse. */
export function parseDictionary(text: string): Member[] | undefined {
  const members = new Map<string, Member>();
  let rest = text.replace(/^ +/, '').replace(/ +$/, '');
  while (rest !== '') {
    const parsed = takeMember(rest);
    if (parsed === undefined) return undefined;
    members.set(parsed.member.key, parsed.member);
    rest = parsed.rest.replace(/^[ \t]+/, '');
    if (rest === '') break;
    if (!rest.startsWith(',')) return undefined;
    rest = rest.slice(1).replace(/^[ \t]+/, '');
    // §4.2.2: a comma at the end is an error.
    if (rest === '') return undefined;
  }
  return [...members.values()];
}

function takeMember(text: string): { member: Member; rest: string } | undefined {
  const key = KEY.exec(text)?.[0];
  if (key === undefined) return undefined;
  const behind = text.slice(key.length);
  if (!behind.startsWith('=')) return withoutParameters({ key, type: 'true', text: '' }, behind);
  const item = takeItem(behind.slice(1));
  return item && withoutParameters({ key, type: item.type, text: item.text }, behind.slice(1 + item.text.length));
}

function takeItem(text: string): Pick<Member, 'type' | 'text'> | undefined {
  for (const [type, pattern] of ITEMS) {
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) return { type, text: found };
  }
  return undefined;
}

/** RFC 9213 §2.1: "Parameters received on cache directives are to be ignored". */
function withoutParameters(member: Member, text: string): { member: Member; rest: string } | undefined {
  let rest = text;
  while (rest.startsWith(';')) {
    const parameter = rest.slice(1).replace(/^ +/, '');
    const key = KEY.exec(parameter)?.[0];
    if (key === undefined) return undefined;
    rest = parameter.slice(key.length);
    if (!rest.startsWith('=')) continue;
    const item = takeItem(rest.slice(1));
    if (item === undefined) return undefined;
    rest = rest.slice(1 + item.text.length);
  }
  return { member, rest };
}

/**
 * RFC 9213 §2.1: a member as the directive that it stands for. A `false` is a type that no directive has ("SHOULD NOT
 * consume"); numbers of the wrong kind stay, and are no delta-seconds.
 */
export function directiveOf({ key, type, text }: Member): Directive | undefined {
  if (type === 'false') return undefined;
  if (type === 'true') return { name: key, argument: undefined, quoted: false, wellFormed: true };
  if (type !== 'string') return { name: key, argument: text, quoted: false, wellFormed: true };
  return { name: key, argument: text.slice(1, -1).replace(/\\(.)/g, '$1'), quoted: true, wellFormed: true };
}
