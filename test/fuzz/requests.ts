// Random requests, as bytes.

import type { Random } from './random.js';
import type { World } from './world.js';

/** A request that was sent. */
export interface Question {
  /** Its number, which it carries in a field. */
  readonly no: number;
  readonly method: string;
  /** It is not what HTTP allows: the server may say so, or hang up. */
  readonly odd: boolean;
  readonly bytes: Buffer;
}

const METHODS = [...Array(30).fill('GET'), 'HEAD', 'HEAD', 'HEAD', 'POST', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PURGE'];
const SUFFIXES = [
  '',
  '',
  '',
  '',
  '',
  '/',
  '/x',
  '/%2e',
  '/..',
  '//',
  ';a',
  '~',
  '/%00',
  '/%zz',
  '/\u00e9',
  '|',
  '/%7E*',
];
const QUERIES = [
  '',
  '',
  '',
  '',
  '?a=1',
  '?a=1&b=2',
  '?b=2&a=1',
  '?utm_x=1&a=1',
  '?a=1&a=2',
  '?',
  '?=1',
  '?a[]=1&%61=2',
  '?%zz',
];

const TENANTS = [undefined, undefined, 'a', 'a', 'b', 'b', 'a:b', '*', 'a\u00e9', '', 'a, b', 'x'.repeat(300)];
const ETAGS = ['"a"', 'W/"a"', '*', '"a", "b"', '"', 'a', '"never"'];
const RANGES = [
  'bytes=0-9',
  'bytes=5-',
  'bytes=-7',
  'bytes=0-0',
  'bytes=0-1,5-6',
  'bytes=99999999-',
  'bytes=9-1',
  'bytes=',
  'lines=1-2',
  'bytes=-0',
];
const DIRECTIVES = [
  'no-cache',
  'no-store',
  'max-age=0',
  'only-if-cached',
  'max-stale',
  'min-fresh=10',
  'MAX-AGE=x',
  ',,"',
];
const HOSTS = ['a.example', 'a.example', 'a.example', 'A.Example', 'b.example', 'a.example:80', ''];

/** What the requests of a round mostly ask for, so that they meet. */
export interface Palette {
  readonly targets: readonly string[];
  readonly tenants: readonly (string | undefined)[];
  readonly hosts: readonly string[];
}

export function paletteOf(random: Random): Palette {
  const few = <T>(n: number, make: () => T): T[] => Array.from({ length: n }, make);
  return {
    targets: few(1 + random.below(3), () => targetOf(random)),
    tenants: few(1 + random.below(2), () => random.pick(TENANTS)),
    hosts: few(1 + random.below(2), () => random.pick(HOSTS)),
  };
}

/** `alone`: nothing else is sent on its connection. */
export function requestOf(no: number, alone: boolean, palette: Palette, random: Random, world: World): Question {
  const method = random.pick(METHODS);
  const usual = <T>(some: readonly T[], all: () => T): T => (random.chance(0.9) ? random.pick(some) : all());
  const target = usual(palette.targets, () => targetOf(random));
  const host = usual(palette.hosts, () => random.pick(HOSTS));
  const tenant = usual(palette.tenants, () => random.pick(TENANTS));
  const lines = [`Host: ${host}`, `X-Request-No: ${no}=${no}`];
  const add = (p: number, name: string, value: () => string | undefined) => {
    const text = random.maybe(p, value);
    if (text !== undefined) lines.push(`${name}: ${text}`);
  };
  add(1, random.pick(['x-client-id', 'X-Client-Id']), () => tenant);
  add(0.01, 'x-client-id', () => 'b');
  add(0.4, 'X-User', () => random.pick(['u1', 'u2']));
  add(0.3, 'X-Flavour', () => random.pick(['s', 't', ' s , t', 's,t', '']));
  add(0.1, 'Cookie', () => random.pick(['c=1', 'c=2']));
  add(0.1, 'Authorization', () => random.pick(['Basic eDp5', 'Bearer z']));
  add(0.2, 'Accept-Encoding', () => random.pick(['gzip', 'br', 'identity']));
  add(0.15, 'If-None-Match', () => random.pick([...ETAGS, ...world.etags.slice(-3)]));
  add(0.08, 'If-Modified-Since', () => random.pick([new Date(0).toUTCString(), new Date(2e12).toUTCString(), 'x']));
  add(0.01, 'If-Match', () => random.pick(ETAGS));
  add(0.01, 'If-Unmodified-Since', () => new Date(0).toUTCString());
  add(0.12, 'Range', () => random.pick(RANGES));
  add(0.05, 'If-Range', () => random.pick([...ETAGS, ...world.etags.slice(-1), new Date(0).toUTCString()]));
  add(0.1, 'Cache-Control', () => random.pick(DIRECTIVES));
  add(0.03, 'Pragma', () => 'no-cache');
  add(0.02, 'X-Forwarded-Host', () => random.pick(['evil.example', 'a|b']));
  add(0.01, 'Forwarded', () => 'host=evil.example');
  add(0.03, 'Connection', () => random.pick(['close', 'X-User', 'Upgrade']));
  if (alone) add(0.01, 'Upgrade', () => 'websocket');
  add(0.02, 'TE', () => 'trailers');
  add(0.02, '__proto__', () => 'x');
  const body = bodyOf(method, alone, random);
  const odd = random.chance(0.04);
  const version = random.chance(0.03) ? 'HTTP/1.0' : 'HTTP/1.1';
  const text = `${[`${method} ${target} ${version}`, ...random.shuffled(lines), ...body.lines].join('\r\n')}\r\n\r\n${body.text}`;
  return { no, method, odd, bytes: Buffer.from(odd ? oddly(text, random) : text, 'latin1') };
}

function targetOf(random: Random): string {
  const path = random.pick(['/r0', '/r1', '/r2', '/r0', '/r1', '/', '/other']) + random.pick(SUFFIXES);
  const target = path + random.pick(QUERIES);
  const form = random.next();
  return form < 0.01 ? `http://a.example${target}` : form < 0.013 ? '*' : target;
}

function bodyOf(method: string, alone: boolean, random: Random): { lines: string[]; text: string } {
  const bodied = ['POST', 'PUT', 'PURGE'].includes(method);
  if (!bodied && !random.chance(0.02)) return { lines: [], text: '' };
  if (random.chance(0.7)) return { lines: ['Content-Length: 5'], text: 'hello' };
  const lines = ['Transfer-Encoding: chunked', ...(alone && random.chance(0.3) ? ['Expect: 100-continue'] : [])];
  return { lines, text: '5\r\nhello\r\n0\r\n\r\n' };
}

/** What a client might send that is wrong, or that no server has to bear. */
function oddly(text: string, random: Random): string {
  const field = random.pick([
    `X-Huge: ${'x'.repeat(20_000)}`,
    'X-No-Colon',
    'X-Space : 1',
    ' folded: 1',
    'X-Zero: \u0000',
    'X-High: \u0080\u00ff',
    'Host: c.example',
    'Content-Length: -1',
    'Content-Length: 3\r\nTransfer-Encoding: chunked',
    'Authorization: Basic one\r\nAuthorization: Basic two',
    `${'X-Many: 1\r\n'.repeat(1500)}X-Last: 1`,
  ]);
  const kind = random.below(4);
  if (kind === 0) return text.replace('\r\n', `\r\n${field}\r\n`);
  if (kind === 1) return text.replace(' ', random.pick(['  ', '\u0000 ', ' \u0001']));
  if (kind === 2) return text.replace(/HTTP\/1\.\d/, random.pick(['HTTP/9.9', 'HTTP/2.0', 'HTTP', 'http/1.1']));
  const at = random.below(text.length);
  return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
}
