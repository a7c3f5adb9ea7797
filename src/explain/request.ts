import { asSent } from '../request/key.js';
import type { RequestView } from '../request/request.js';
import { rewritten } from '../request/rewritten.js';
import type { Fields } from '../types.js';
import type { ExplainRequest } from './explanation.js';

/** What a request of Node's, of Express' and of Koa's has beside what is asked of one that is made up. */
interface Real {
  readonly rawHeaders?: unknown;
  readonly socket?: { readonly encrypted?: unknown } | null;
}

/** A request as the engine would see it. @throws {TypeError} for what is no request */
export function viewOf(request: ExplainRequest): RequestView {
  if (typeof request !== 'object' || request === null) throw new TypeError('explain() takes a request: { url }');
  const { method = 'GET', url, originalUrl = url, headers = {} } = request;
  if (typeof originalUrl !== 'string' || originalUrl === '') throw new TypeError('the url of a request is a text');
  if (typeof method !== 'string' || method === '') throw new TypeError('the method of a request is a text');
  const { rawHeaders, socket } = request as Real;
  const real = rawHeaders !== undefined || (typeof socket === 'object' && socket !== null);
  const fields = fieldsOf(headers);
  const base = {
    method,
    rawHeaders: [],
    source: 'source' in request ? request.source : real ? request : undefined,
  };
  // A real one in absolute form (RFC 9112 §3.2.2) is what the engine would be given.
  if (real || !/^[a-z][a-z\d+.-]*:\/\//i.test(originalUrl))
    return {
      ...base,
      target: real ? originalUrl : asSent(originalUrl),
      rewritten: real ? rewritten(originalUrl, url, request, base.source) : undefined,
      headers: fields,
      secure: socket?.encrypted === true,
    };
  if (!URL.canParse(originalUrl) || !/^https?:/i.test(originalUrl))
    throw new TypeError('the url of a request is a path, or begins with http:// or https://');
  const { host, pathname, search, protocol } = new URL(originalUrl);
  // Requests of HTTP/2 have no Host (RFC 9113 §8.3.1).
  const origin = fields[':authority'] === undefined ? { host } : {};
  return { ...base, target: pathname + search, headers: { ...origin, ...fields }, secure: protocol === 'https:' };
}

/** Names in lower case, as Node gives them. */
function fieldsOf(headers: unknown): Fields {
  if (typeof headers !== 'object' || headers === null) throw new TypeError('the headers of a request are an object');
  // Those of fetch have no properties of their own, and would count for none.
  const named = headers instanceof Headers ? [...headers] : Object.entries(headers);
  const lines = named.flatMap(([name, value]): [string, string | string[]][] => {
    if (value === undefined) return [];
    if (typeof value !== 'string' && !(Array.isArray(value) && value.every((each) => typeof each === 'string')))
      throw new TypeError(`the header ${name} of a request is a text, or a list of texts`);
    const lower = name.toLowerCase();
    return [[lower, lower === 'cookie' && Array.isArray(value) ? value.join('; ') : value]];
  });
  return Object.fromEntries(lines);
}
