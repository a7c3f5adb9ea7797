import type { IncomingMessage } from 'node:http';

const MOST = 65_536;

/**
 * A request's JSON body: as another middleware has parsed it, or read here, up to 64 KiB; `{}` for an empty one, `undefined` if it is
 * none.
 */
export async function jsonBody(
  req: IncomingMessage & { body?: unknown },
  parsed: unknown = req.body,
): Promise<unknown> {
  const isRaw = typeof parsed === 'string' || parsed instanceof Uint8Array;
  if (isRaw && parsed.length > 0) return jsonOf(parsed);
  if (!isRaw && parsed !== undefined && !(isEmpty(parsed) && !req.readableEnded)) return parsed;
  if (isTaken(req)) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of req) {
      bytes += (chunk as Buffer).length;
      if (bytes > MOST) return undefined;
      chunks.push(chunk as Buffer);
    }
  } catch {
    return undefined;
  }
  return jsonOf(Buffer.concat(chunks));
}

/** What it says, or what a parser of any type has made of it. */
function jsonOf(body: string | Uint8Array): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(typeof body === 'string' ? body : Buffer.from(body).toString());
  } catch {
    return undefined;
  }
}

/** So a parser leaves it that has not read it, being one for another type: those of Express 4 do. */
function isEmpty(parsed: unknown): boolean {
  return typeof parsed === 'object' && parsed !== null && Object.keys(parsed).length === 0;
}

/** Whether it had a body that a layer before has read, and keeps to itself: taken for empty, it would mean more than it said. */
function isTaken({ headers, readableEnded }: IncomingMessage): boolean {
  const { 'content-length': length = 0, 'transfer-encoding': coding } = headers;
  return readableEnded && (coding !== undefined || Number(length) > 0);
}
