import { fieldText, tokens } from '../http/headers.js';
import type { SearchRule } from '../http/no-vary-search.js';
import { type Located, placeOf } from './key.js';
import type { QueryRule } from './query.js';
import type { RequestView } from './request.js';

/**
 * The path and query that a reference leads to, from the request's URL; `undefined` if it leads to another origin. Its own is
 * what it came to, and what proxies say that its client has asked.
 */
export function sameOrigin(request: RequestView, reference: string | undefined): string | undefined {
  const { target, headers } = request;
  const host = fieldText(headers, 'host') ?? fieldText(headers, ':authority') ?? '';
  const base = `${schemeOf(request)}://${host}`;
  // A target may come in absolute form (RFC 9112 §3.2.2).
  const own = target.startsWith('/') ? base + target : target;
  if (reference === undefined || !URL.canParse(base) || !URL.canParse(reference, own)) return undefined;
  const url = new URL(reference, own);
  const isOwn = url.origin === new URL(base).origin || forwardedOrigins(request, host).includes(url.origin);
  return isOwn ? url.pathname + url.search : undefined;
}

/** A target in absolute form (RFC 9112 §3.2.2): what stands before its path. */
const BEFORE_PATH: RegExp = /^https?:\/\/[^/?]*/i;

/**
 * Where what a request's target names may be kept: by its Host, which handlers go by, and by the authority of an absolute form, which
 * goes before Host. A fragment is no part of a target, and handlers leave it out.
 */
export function targetsOf(request: RequestView): { at: Located; target: string }[] {
  const [target] = request.target.split('#', 1) as [string];
  if (target.startsWith('/')) return [{ at: request, target }];
  if (!BEFORE_PATH.test(target) || !URL.canParse(target)) return [];
  const { protocol, host } = new URL(target);
  const rest = target.replace(BEFORE_PATH, '');
  const path = rest.startsWith('/') ? rest : `/${rest}`;
  const named = { headers: { ...request.headers, host }, secure: protocol === 'https:' };
  return [
    { at: request, target: path },
    { at: named, target: path },
  ];
}

/** Whether a reference leads to the very URL of the request. */
export function isSelf(request: RequestView, reference: string | undefined): boolean {
  const path = sameOrigin(request, reference);
  return path !== undefined && path === sameOrigin(request, request.target);
}

/** The same where it may also be meant for a proxy, which takes a prefix off the paths of its clients. */
export function pathsMeant(request: RequestView, reference: string | undefined): readonly string[] {
  const path = sameOrigin(request, reference);
  if (path === undefined) return [];
  const prefix = fieldText(request.headers, 'x-forwarded-prefix');
  return prefix !== undefined && path.startsWith(`${prefix}/`) ? [path, path.slice(prefix.length)] : [path];
}

/** Whether a reference leads to what has the key of the request itself. `rule`: see `placeOf`. */
export function leadsBack(
  request: RequestView,
  reference: string | undefined,
  query: QueryRule,
  rule: SearchRule | undefined,
): boolean {
  const [path, search] = placeOf(request.target, query, rule);
  return pathsMeant(request, reference).some((meant) => {
    const [its, own] = placeOf(meant, query, rule);
    return its === path && own === search;
  });
}

function schemeOf({ secure }: RequestView): 'https' | 'http' {
  return secure ? 'https' : 'http';
}

/**
 * The origins that may be meant where proxies stand in front: what can be made of what the first of them says. A client that
 * makes it up reaches no more by it than what was stored for the same words: they are part of the key.
 */
function forwardedOrigins(request: RequestView, host: string): string[] {
  const { headers } = request;
  const said = (name: string) => tokens(fieldText(headers, name)).slice(0, 1);
  const forwarded = fieldText(headers, 'forwarded') ?? '';
  const schemes = [
    schemeOf(request),
    ...said('x-forwarded-proto'),
    ...firstOf(/\bproto=(?:"([^"]*)"|([^;,\s]*))/i, forwarded),
  ];
  const hosts = [host, ...said('x-forwarded-host'), ...firstOf(/\bhost=(?:"([^"]*)"|([^;,\s]*))/i, forwarded)];
  const ports = ['', ...said('x-forwarded-port').map((port) => `:${port}`)];
  const urls = schemes
    .filter((scheme) => /^https?$/i.test(scheme))
    .flatMap((scheme) => hosts.flatMap((name) => ports.map((port) => `${scheme}://${name}${port}`)));
  return urls.filter((url) => URL.canParse(url)).map((url) => new URL(url).origin);
}

/** What a pattern finds first: in quotes, or without. */
function firstOf(pattern: RegExp, text: string): string[] {
  const found = pattern.exec(text);
  return found === null ? [] : [found[1] ?? found[2]!];
}
