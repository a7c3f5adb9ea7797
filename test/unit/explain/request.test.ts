import { createServer, type IncomingMessage } from 'node:http';
import { createCache } from 'respcache';
import { describe, expect, it } from 'vitest';
import type { ExplainRequest } from '../../../src/explain/explanation.js';
import { viewOf } from '../../../src/explain/request.js';
import { ask } from '../../adapters/client.js';

describe('viewOf', () => {
  it('reads the Headers of fetch, and its Request', () => {
    const headers = new Headers({ 'X-Client-Id': 'acme' });
    expect(viewOf({ url: '/a', headers } as never).headers).toMatchObject({ 'x-client-id': 'acme' });
    expect(viewOf(new Request('http://shop/a', { headers }) as never).headers).toMatchObject({
      ...{ host: 'shop', 'x-client-id': 'acme' },
    });
  });

  it('takes a path', () => {
    expect(viewOf({ url: '/a?b=1' })).toEqual({
      ...{ method: 'GET', target: '/a?b=1', headers: {}, rawHeaders: [], secure: false, source: undefined },
    });
  });

  it.each<[url: string, target: string, host: string, secure: boolean]>([
    ['https://example.com/a?b=1#c', '/a?b=1', 'example.com', true],
    ['http://example.com:8080', '/', 'example.com:8080', false],
    ['HTTP://Example.com/ü', '/%C3%BC', 'example.com', false],
    ['https://example.com:443?x', '/?x', 'example.com', true],
  ])('takes the absolute URL %s apart', (url, target, host, secure) => {
    expect(viewOf({ url })).toMatchObject({ target, headers: { host }, secure });
  });

  it('takes the Host that is given before that of the URL', () => {
    expect(viewOf({ url: 'http://10.0.0.1/a', headers: { Host: 'shop' } }).headers.host).toBe('shop');
  });

  it('has the names of headers in lower case, and joins cookies as Node does', () => {
    const { headers } = viewOf({ url: '/', headers: { Cookie: ['a=1', 'b=2'], Accept: ['x', 'y'], gone: undefined } });
    expect(headers).toEqual({ cookie: 'a=1; b=2', accept: ['x', 'y'] });
  });

  it('prefers the URL as it came to what mounts have left of it', () => {
    expect(viewOf({ url: '/b', originalUrl: '/a/b' }).target).toBe('/a/b');
  });

  it('leaves what is no path and no URL as it is: the engine says what it is', () => {
    expect(viewOf({ url: '*', method: 'OPTIONS' })).toMatchObject({ target: '*', method: 'OPTIONS' });
  });

  it('calls functions with the request itself only if it is a real one', async () => {
    expect(viewOf({ url: '/a', source: 7 }).source).toBe(7);
    let seen: IncomingMessage | undefined;
    const server = createServer((req, res) => {
      seen = req;
      res.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await ask(port, 'http://other/a', { headers: { 'X-A': '1' } });
    server.close();
    const view = viewOf(seen as ExplainRequest);
    expect(view.source).toBe(seen);
    // As it came: the engine looks up no target in absolute form.
    expect(view).toMatchObject({ target: 'http://other/a', secure: false, headers: { 'x-a': '1' } });
  });

  it.each<[what: string, request: unknown]>([
    ['nothing', undefined],
    ['a text', '/a'],
    ['no URL', {}],
    ['an empty URL', { url: '' }],
    ['another scheme', { url: 'ftp://example.com/a' }],
    ['a URL that is none', { url: 'http://' }],
    ['a method that is no text', { url: '/', method: 7 }],
    ['headers that are none', { url: '/', headers: 'a: b' }],
    ['a header that is no text', { url: '/', headers: { a: 7 } }],
  ])('refuses %s with a TypeError', (_, request) => {
    expect(() => viewOf(request as ExplainRequest)).toThrow(TypeError);
  });
});

describe('explain', () => {
  it('rejects for what is no request, and for options that are none', async () => {
    const cache = createCache({ redis: false });
    await expect(cache.explain({ url: '' })).rejects.toThrow(TypeError);
    await expect(cache.explain({ url: '/' }, { ttl: -1 })).rejects.toThrow(/option ttl is -1/);
    await expect(cache.explain({ url: '/' }, { tll: 1 } as never)).rejects.toThrow(/there is no such option/);
    await expect(cache.explain({ url: '/' }, null as never)).rejects.toThrow(/an object/);
  });
});
