import type { ServerResponse } from 'node:http';

/** Lays the arguments of a `writeHead` onto the response, as Node would. `false`: they are not valid. */
export function applyHead(res: ServerResponse, [status, reason, fields]: unknown[]): boolean {
  const headers = typeof reason === 'string' ? fields : (fields ?? reason);
  if (Array.isArray(headers)) {
    const flat: unknown[] = Array.isArray(headers[0]) ? headers.flat() : headers;
    if (flat.length % 2 !== 0) return false;
    for (let i = 0; i < flat.length; i += 2) res.removeHeader(String(flat[i]));
    for (let i = 0; i < flat.length; i += 2) appendAll(res, String(flat[i]), flat[i + 1]);
  } else if (typeof headers === 'object' && headers !== null) {
    for (const [name, value] of Object.entries(headers)) if (name !== '') res.setHeader(name, value as string);
  }
  res.statusCode = Number(status);
  if (typeof reason === 'string') res.statusMessage = reason;
  return true;
}

function appendAll(res: ServerResponse, name: string, value: unknown): void {
  res.appendHeader(name, Array.isArray(value) ? value : String(value));
}
