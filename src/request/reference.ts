import { fieldText } from '../http/headers.js';
import type { RequestView } from './request.js';

/** The path and query that a reference leads to, from the request's URL; `undefined` if it leads to another origin. */
export function sameOrigin(
  { target, headers, secure }: RequestView,
  reference: string | undefined,
): string | undefined {
  const base = `${secure ? 'https' : 'http'}://${fieldText(headers, 'host') ?? ''}`;
  // A target may come in absolute form (RFC 9112 §3.2.2).
  const own = target.startsWith('/') ? base + target : target;
  if (reference === undefined || !URL.canParse(base) || !URL.canParse(reference, own)) return undefined;
  const url = new URL(reference, own);
  return url.origin === new URL(base).origin ? url.pathname + url.search : undefined;
}

/** Whether a reference leads to the very URL of the request. */
export function isSelf(request: RequestView, reference: string | undefined): boolean {
  const path = sameOrigin(request, reference);
  return path !== undefined && path === sameOrigin(request, request.target);
}
