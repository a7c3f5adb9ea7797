// What the load asks for: every kind of request in turn, by two tenants and by nobody in particular.

import { randomInt } from 'node:crypto';
import { Agent, type OutgoingHttpHeaders, request } from 'node:http';

interface Question {
  readonly method?: string;
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
}

const TENANTS = ['acme', 'globex', undefined];
/** So many answers of each kind there are. */
const EACH = 6;
/** Of so many requests one is given up by its client, at a moment of its own within so many ms. */
const ABORTED = 10;
const SOON = 30;

const at = (name: string) => `/${name}/${randomInt(EACH)}`;
const plain = (method: string, headers: OutgoingHttpHeaders = {}) => ({ method, path: at('plain'), headers });

/** Ways to ask, the usual ones several times. */
const WAYS: readonly (() => Question)[] = [
  ...['plain', 'plain', 'plain', 'slow', 'slow', 'stale', 'stale', 'checked', 'checked', 'failing', 'failing'],
  ...['gone', 'gone', 'throws', 'hangs', 'stream', 'stream', 'breaks', 'private', 'cookies'],
  ...['unwanted', 'broken', 'strict', 'honest', 'own', 'large', 'named', 'named', 'nowhere', 'piped', 'piped'],
].map((name) => () => ({ path: at(name) }));

const SPECIAL: readonly (() => Question)[] = [
  () => plain('HEAD'),
  () => ({ method: 'HEAD', path: at('private') }),
  () => plain('POST'),
  () => plain('DELETE'),
  () => plain('OPTIONS'),
  () => ({ method: 'POST', path: at('named') }),
  () => ({ path: `http://fleet${at('plain')}` }),
  () => plain('GET', { Cookie: 'a=1' }),
  () => plain('GET', { Authorization: 'Basic abc' }),
  () => plain('GET', { Range: 'bytes=0-2' }),
  () => plain('GET', { Range: 'bytes=99-' }),
  () => plain('GET', { 'If-None-Match': '*' }),
  () => plain('GET', { 'If-Match': '"x"' }),
  () => ({ path: at('stream'), headers: { Range: 'bytes=1-' } }),
  () => ({ path: at('own'), headers: { Cookie: 'a=1' } }),
  () => ({ path: at('honest'), headers: { 'Cache-Control': 'no-store' } }),
  () => ({ path: `${at('honest')}?once=${randomInt(1e6)}`, headers: { 'Cache-Control': 'only-if-cached' } }),
  () => ({ path: at('honest'), headers: { 'Cache-Control': 'no-cache' } }),
  () => ({ path: `${at('slow')}?new=${randomInt(1e6)}` }),
];

const QUESTIONS = [...WAYS, ...SPECIAL];

/** Whoever does not give up keeps a connection. */
export const agent = new Agent({ keepAlive: true });

/** Asks once, with the answer read to its end; resolves whatever becomes of it. `turn`: which of the questions it is. */
export function askAnything(port: number, turn: number): Promise<void> {
  const patience = randomInt(ABORTED) === 0 ? randomInt(SOON) : undefined;
  // Where there is no middleware but one that invalidates, nothing is counted.
  if (turn % 20 === 0) return ask(port, { path: '/only' }, patience);
  const { method = 'GET', path, headers } = QUESTIONS[turn % QUESTIONS.length]!();
  // By turns as well: each question comes from each of them.
  const tenant = TENANTS[Math.floor(turn / QUESTIONS.length) % TENANTS.length];
  const whose = tenant === undefined ? {} : { 'X-Client-Id': tenant };
  const asked = { ...headers, ...whose, Host: 'fleet', 'X-Number': String(turn) };
  return ask(port, { method, path, headers: asked }, patience);
}

/** `patience`: when the client gives up, ms. */
export function ask(port: number, { method = 'GET', path, headers = {} }: Question, patience?: number): Promise<void> {
  return new Promise((resolve) => {
    const kept = patience === undefined && agent;
    const to = { host: '127.0.0.1', port, method, path, headers, agent: kept };
    const sent = request(to, (answer) => answer.on('error', () => {}).resume());
    const timer = patience === undefined ? undefined : setTimeout(() => sent.destroy(), patience);
    sent.on('error', () => {});
    sent.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
    sent.end();
  });
}
