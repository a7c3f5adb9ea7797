// A cache that servers of HTTP/1 and HTTP/2 share. Of HTTP/2 nothing is promised but that nobody is given what is not theirs.

import { once } from 'node:events';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { withCache } from 'respcache/node';
import { describe, expect, it } from 'vitest';
import { useNode } from './node-host.js';

const bench = useNode();

describe('over HTTP/2', () => {
  it('a request is not given what was stored for another host, or for none', async () => {
    const { cache } = await bench.cache('memory');
    const cached = withCache((req, res) => res.end(`for ${req.headers[':authority'] ?? req.headers.host}`), { cache });
    const host = await bench.serve('memory', () => cached);
    const old = connect(host.port, '127.0.0.1').end('GET / HTTP/1.0\r\n\r\n');
    expect(await text(old)).toMatch(/stored\r\n(.*\r\n)*\r\nfor undefined$/);

    const server = createHttp2Server(cached as never).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    try {
      for (const authority of ['a.example', 'b.example', 'a.example']) {
        const answer = client.request({ ':path': '/', ':authority': authority });
        expect(await text(answer)).toBe(`for ${authority}`);
      }
    } finally {
      client.destroy();
      server.close();
    }
  });
});
