import { type ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http';
import { NO_REASON } from '../../src/http/headers.js';
import { hasReason } from './state.js';

type Pair = readonly [name: string, value: unknown];

/** Lays the arguments of a `writeHead` onto the response, as Node would. `false`: they are not valid, which Node is to say. */
export function applyHead(res: ServerResponse, [status, reason, fields]: unknown[]): boolean {
  const said = typeof reason === 'string' ? fields : (fields ?? reason);
  const pairs = pairsOf(said);
  if (pairs === undefined) return false;
  const isHttp1 = hasReason(res);
  // Over HTTP/1 they stand by the time that Node refuses a field; over HTTP/2 they do not.
  if (isHttp1) applyStatus(res, status, reason);
  if (isHttp1 && NO_REASON.test(res.statusMessage)) return false;
  // Then it sets none of them, unless others have been set before.
  if (isHttp1 && pairs.length > 0 && res.getHeaderNames().length === 0) for (const pair of pairs) check(pair);
  if (Array.isArray(said)) {
    for (const [name] of pairs) res.removeHeader(name);
    for (const [name, value] of pairs) res.appendHeader(name, value as string);
  } else for (const [name, value] of pairs) if (name !== '') res.setHeader(name, value as string);
  if (!isHttp1) applyStatus(res, status, reason);
  return true;
}

function applyStatus(res: ServerResponse, status: unknown, reason: unknown): void {
  res.statusCode = Number(status);
  if (typeof reason === 'string') res.statusMessage = reason;
}

function pairsOf(fields: unknown): readonly Pair[] | undefined {
  if (!Array.isArray(fields)) return typeof fields === 'object' && fields !== null ? Object.entries(fields) : [];
  const flat: unknown[] = Array.isArray(fields[0]) ? fields.flat() : fields;
  if (flat.length % 2 !== 0) return undefined;
  return flat.flatMap((name, i) => (i % 2 === 0 ? [[String(name), flat[i + 1]] as const] : []));
}

function check([name, value]: Pair): void {
  validateHeaderName(name);
  for (const each of [value].flat()) validateHeaderValue(name, each as string);
}
