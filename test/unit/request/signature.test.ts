import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RequestView } from '../../../src/request/request.js';
import { Signature } from '../../../src/request/signature.js';
import { DEFAULT_ROUTE, resolveRoute } from '../../../src/route.js';
import type { RouteOptions } from '../../../src/route-options.js';

const signatureOn = (options: RouteOptions = {}) => new Signature(resolveRoute(options, DEFAULT_ROUTE), '0 ');
const request = (changes: Partial<RequestView> & { headers?: Record<string, unknown> } = {}) =>
  ({ method: 'GET', target: '/x', headers: { host: 'h' }, secure: false, rawHeaders: [], ...changes }) as RequestView;

/** What Node makes of the lines of a request. */
function headersOf(lines: string[]): IncomingMessage['headers'] {
  const message = new IncomingMessage(new Socket()) as IncomingMessage & {
    _addHeaderLines(lines: string[], count: number): void;
  };
  message._addHeaderLines(lines, lines.length);
  return message.headers;
}

describe('Signature', () => {
  it('is the same for requests that say the same in all that a lookup goes by, and another for all others', () => {
    const value = fc.constantFrom(undefined, '', 'a', 'b', 'a\n8 b', '1 a');
    const asked = fc.record({
      target: fc.constantFrom('/x', '/x?a', 's/x', '/x\n0 a', '/', '*'),
      secure: fc.boolean(),
      host: value,
      tenant: value,
      language: value,
      proto: value,
    });
    type Asked = typeof asked extends fc.Arbitrary<infer A> ? A : never;
    const signature = signatureOn();
    expect(signature.add(['accept-language'])).toBe(true);
    const of = ({ target, secure, host, tenant, language, proto }: Asked) => {
      const headers = { host, 'x-client-id': tenant, 'accept-language': language, 'x-forwarded-proto': proto };
      const text = signature.of(request({ target, secure, headers }));
      return text === undefined ? undefined : JSON.stringify([text, target]);
    };
    fc.assert(
      fc.property(asked, asked, (one, two) => {
        const [first, second] = [of(one), of(two)];
        if (first === undefined || second === undefined) return;
        expect(first === second).toBe(JSON.stringify(one) === JSON.stringify(two));
      }),
      { numRuns: 2000 },
    );
  });

  it('is by the lines of a request what it is by the fields that Node makes of them, or none', () => {
    const names = [
      'Host',
      'host',
      'X-Client-Id',
      'x-client-id',
      'Accept',
      'Accept-Language',
      'User-Agent',
      'Forwarded',
    ];
    const rare = ['Cookie', 'Range', 'If-None-Match', 'if-modified-since', 'Authorization', 'X-Api-Key'];
    const line = fc.tuple(
      fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...names) }, fc.constantFrom(...rare)),
      fc.constantFrom('', 'a', 'b'),
    );
    const signature = signatureOn({ personal: ['x-api-key'] });
    expect(signature.add(['accept-language'])).toBe(true);
    let same = 0;
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), (list) => {
        const lines = list.flat();
        const headers = headersOf(lines);
        const asked = request({ headers });
        const quick = signature.ofLines(asked, lines);
        const reduced = ['range', 'if-none-match', 'if-modified-since'].some((name) => name in headers);
        if (reduced) expect(quick).toBeUndefined();
        if (quick === undefined) return;
        same++;
        expect(quick).toBe(signature.of(asked));
      }),
      { numRuns: 2000 },
    );
    expect(same).toBeGreaterThan(100);
  });

  it.each([
    ...['host', 'forwarded', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-prefix'],
    ...['x-original-url', 'x-rewrite-url', 'x-tenant', 'accept-language', 'x-flavour'],
  ])('is another where %s is, in the fields and in the lines', (name) => {
    // One that bars stands where another stands that tells: it has as many signs, and the same first one.
    const signature = signatureOn({
      tenant: { header: 'X-Tenant' },
      vary: ['Accept-Language'],
      personal: ['x-api-key'],
    });
    expect(signature.add(['x-flavour'])).toBe(true);
    const lines = [[], [name, 'a'], [name, 'b']];
    const texts = lines.map((each) => signature.of(request({ headers: headersOf(each) })));
    expect(lines.map((each) => signature.ofLines(request(), each))).toEqual(texts);
    expect(new Set(texts).size).toBe(3);
    expect(texts).not.toContain(undefined);
  });

  it('is another where the authority is, over HTTP/2', () => {
    const signature = signatureOn();
    const texts = ['a', 'b'].map((authority) => signature.of(request({ headers: { ':authority': authority } })));
    expect(new Set([...texts, undefined]).size).toBe(3);
  });

  it.each<[string, RouteOptions, Partial<RequestView>]>([
    ['a method that is not looked up', {}, { method: 'POST' }],
    ['a target that is no path', {}, { target: 'http://h/x' }],
    ['another URL that a layer has made of it', {}, { rewritten: '/y' }],
    ['a run of the cache', {}, { refreshing: {} }],
    ['a run that fills it', {}, { warming: { minFresh: 0, tell: () => {} } }],
    ['a user that a function finds', { identity: () => 'a' }, {}],
  ])('is none by the lines either for %s', (_what, options, changes) => {
    expect(signatureOn().ofLines(request(), ['Host', 'h'])).toBeDefined();
    expect(signatureOn(options).ofLines(request(changes), ['Host', 'h'])).toBeUndefined();
  });

  it('is another where the connection is encrypted, and that of a GET for a HEAD', () => {
    const signature = signatureOn();
    const texts = [false, true, false].map((secure) => signature.of(request({ secure })));
    expect(texts[1]).not.toBe(texts[0]);
    expect(texts[2]).toBe(texts[0]);
    expect(signature.of(request({ method: 'HEAD' }))).toBe(texts[0]);
  });

  it.each(['X-Dragon-Id', 'X-Api-Kex'])('does not take %s for a field that begins and is as long as it', (name) => {
    const signature = signatureOn({ personal: ['x-api-key'] });
    const without = signature.ofLines(request(), ['Host', 'h', 'X-Client-Id', 'a']);
    expect(without).toBeDefined();
    expect(signature.ofLines(request(), ['Host', 'h', 'X-Client-Id', 'a', name, 'b'])).toBe(without);
  });

  it('knows a field that it is told of later, in the lines too', () => {
    const signature = signatureOn();
    const lines = ['Host', 'h', 'X-Flavour', 'a'];
    const asked = request({ headers: headersOf(lines) });
    const before = signature.ofLines(asked, lines);
    expect(signature.add(['x-flavour'])).toBe(true);
    const after = signature.ofLines(asked, lines);
    expect(after).not.toBe(before);
    expect(after).toBe(signature.of(asked));
  });

  it('knows its fields however many names it has seen, and however long they are', () => {
    const signature = signatureOn({ personal: ['x-api-key'] });
    for (let i = 0; i < 2000; i++) signature.ofLines(request(), [`X-${i}${'y'.repeat(i % 100)}`, 'a']);
    const long = 'x'.repeat(5000);
    for (let i = 0; i < 2; i++) {
      const lines = ['Host', 'h', 'X-Client-Id', 'a', long, 'b'];
      expect(signature.ofLines(request(), lines)).toBe(signature.of(request({ headers: headersOf(lines) })));
      expect(signature.ofLines(request(), [...lines, 'X-Api-Key', 'k'])).toBeUndefined();
    }
  });

  it('does not read endless lines', () => {
    const lines = ['Host', 'h', ...Array.from({ length: 300 }, (_, i) => [`X-${i}`, 'a']).flat()];
    expect(signatureOn().ofLines(request(), lines)).toBeUndefined();
  });

  it.each<[string, RouteOptions, Parameters<typeof request>[0]]>([
    ['credentials', {}, { headers: { authorization: 'x' } }],
    ['cookies', {}, { headers: { cookie: 'x' } }],
    ['what the application takes for personal', { personal: ['x-api-key'] }, { headers: { 'x-api-key': 'x' } }],
    ['a body', {}, { headers: { 'content-length': '1' } }],
    ['a body in chunks', {}, { headers: { 'transfer-encoding': 'chunked' } }],
    ['preconditions', {}, { headers: { 'if-match': '*' } }],
    ['a precondition of time', {}, { headers: { 'if-unmodified-since': 'x' } }],
    ['another protocol', {}, { headers: { upgrade: 'h2c' } }],
    ['what is expected first', {}, { headers: { expect: '100-continue' } }],
    ['what follows the fields', {}, { isFollowed: true }],
    ['another URL that a layer has made of it', {}, { rewritten: '/y' }],
    ['what a client asks of the cache', { requestDirectives: 'honor' }, { headers: { 'cache-control': 'no-cache' } }],
    ['the same said as of old', { requestDirectives: 'honor' }, { headers: { pragma: 'no-cache' } }],
    ['a method that is not looked up', {}, { method: 'POST' }],
    ['a target that is no path', {}, { target: 'http://h/x' }],
    ['several lines of a field', {}, { headers: { host: ['a', 'b'] } }],
    ['a run of the cache', {}, { refreshing: {} }],
    ['a run that fills it', {}, { warming: { minFresh: 0, tell: () => {} } }],
    ['a field with the end of a line', {}, { headers: { host: 'h\n1 a' } }],
    ['what is too long', {}, { target: `/${'x'.repeat(5000)}` }],
    ['fields that are too long', {}, { headers: { host: 'x'.repeat(2048) } }],
    ['a field that every object has', { vary: ['constructor'] }, { headers: {} }],
    ['a route that asks a function', { when: () => true }, {}],
    ['a tenant that a function finds', { tenant: () => 'a' }, {}],
    ['a user that a function finds', { identity: () => 'a' }, {}],
    ['a key that a function finds', { key: () => 'a' }, {}],
    ['shadow mode', { shadow: 0.5 }, {}],
    ['early refreshes', { earlyRefresh: 1 }, {}],
  ])('is none for %s', (_what, options, changes) => {
    expect(signatureOn().of(request())).toBeDefined();
    expect(signatureOn(options).of(request(changes))).toBeUndefined();
  });

  it('takes no field that every object has, and no more fields than it can', () => {
    const signature = signatureOn();
    expect(signature.add(['constructor'])).toBe(false);
    expect(signature.add(Array.from({ length: 16 }, (_, i) => `x-${i}`))).toBe(true);
    expect(signature.add(['x-3', 'host'])).toBe(true);
    expect(signature.add(['x-17'])).toBe(false);
  });
});
