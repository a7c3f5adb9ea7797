import { IncomingMessage } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Facts, type How, headText, inject } from '../../src/inject.js';

/**
 * Fields of one exchange over one connection (RFC 9110 §7.6.1), of a body, or that ask for less than a whole answer.
 */
const DROPPED: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'content-length',
  'expect',
  'range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
]);

/** What a socket knows of its connection: values, and methods without arguments. A closed one has forgotten it. */
const VALUES = [
  'remoteAddress',
  'remotePort',
  'remoteFamily',
  'localAddress',
  'localPort',
  'localFamily',
  'encrypted',
  'authorized',
  'authorizationError',
  'alpnProtocol',
  'servername',
] as const;
const METHODS = ['address', 'getCipher', 'getProtocol', 'getPeerX509Certificate', 'isSessionReused'] as const;

type Fields = (readonly [name: string, value: string])[];

/**
 * Whether a request can be run again in process: a GET or HEAD without a body, over HTTP/1, by a server of Node, whose
 * connection is still there. HTTP/2 is not: its requests are streams of a session that cannot be had without one.
 */
function canRerun(req: IncomingMessage): boolean {
  // Express puts its own prototype under whatever request there is: `instanceof` alone would believe it.
  if (!(req instanceof IncomingMessage) || req.httpVersionMajor !== 1 || req.socket.destroyed) return false;
  if (req.method !== 'GET' && req.method !== 'HEAD') return false;
  return serverOf(req) !== undefined && fieldsOf(req).every(isRepeatable);
}

/**
 * A copy of a request, made at once of what came over the wire, so that it can be run as a GET, through the whole application,
 * when the original's connection is gone. `undefined` if it cannot be run again. `target`: the URL as it came, which mounts may
 * have shortened in `req.url`.
 *
 * A run comes after what is to be done now, so that an answer given meanwhile leaves first. It never rejects.
 *
 * @returns what runs it, and says whether the response was given to its end (`false`: it was aborted, ran out of time, or the
 *   server would not have the request)
 */
export function copyOf(req: IncomingMessage, target: string): ((how: How) => Promise<boolean>) | undefined {
  const server = canRerun(req) ? serverOf(req) : undefined;
  if (server === undefined) return undefined;
  try {
    const head = headOf(req, target);
    const facts = factsOf(req.socket);
    return (how) => inject(server, head, facts, how).catch(() => false);
  } catch {
    // A target or a field that no request can have.
    return undefined;
  }
}

/** Also of a connection that was handed to the server by its event `connection`. */
function serverOf({ socket }: IncomingMessage): NetServer | undefined {
  const { server } = socket as Socket & { server?: unknown };
  return server instanceof NetServer && server.listenerCount('request') > 0 ? server : undefined;
}

/** As they came: what layers have made of `req.headers` they will make of it again. */
function fieldsOf({ rawHeaders }: IncomingMessage): Fields {
  return rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1] ?? ''] as const] : []));
}

/**
 * Not with a body, which is gone. Nor where `Connection` names fields that are not its own: the application has seen
 * them, and would, without them, answer another question (for another tenant, say).
 */
function isRepeatable([name, value]: Fields[number]): boolean {
  const lower = name.toLowerCase();
  if (lower === 'transfer-encoding') return false;
  if (lower === 'content-length') return Number(value) === 0;
  if (lower !== 'connection') return true;
  const tokens = value.split(',').map((token) => token.trim().toLowerCase());
  return tokens.every((token) => token === '' || token === 'close' || DROPPED.has(token));
}

function headOf(req: IncomingMessage, target: string): Buffer {
  const kept = fieldsOf(req).filter(([name]) => !DROPPED.has(name.toLowerCase()));
  return headText('GET', target, req.httpVersion, kept);
}

function factsOf(socket: Socket): Facts {
  const known = socket as unknown as Record<string, unknown>;
  const facts = new Map<string, unknown>();
  for (const name of VALUES) if (known[name] !== undefined) facts.set(name, known[name]);
  for (const name of METHODS) {
    const method = known[name];
    if (typeof method !== 'function') continue;
    const value: unknown = method.call(socket);
    facts.set(name, () => value);
  }
  const { getPeerCertificate } = socket as TLSSocket;
  if (typeof getPeerCertificate === 'function') {
    const [short, whole] = [getPeerCertificate.call(socket), getPeerCertificate.call(socket, true)];
    facts.set('getPeerCertificate', (detailed?: boolean) => (detailed ? whole : short));
  }
  return facts;
}
