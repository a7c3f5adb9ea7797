import { type Dictionary, type List, parseDictionary, parseList } from 'structured-headers';

/**
 * A Structured Fields Dictionary (RFC 9651 §3.2), several lines joined by commas; `undefined` where it does not parse:
 * one error anywhere makes the whole field worth nothing (§4.2).
 */
export function dictionaryOf(text: string | undefined): Dictionary | undefined {
  return attempt(parseDictionary, text);
}

/** A Structured Fields List (RFC 9651 §3.1); `undefined` where it does not parse. */
export function listOf(text: string | undefined): List | undefined {
  return attempt(parseList, text);
}

function attempt<T>(parse: (text: string) => T, text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
