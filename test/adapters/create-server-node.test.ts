// A server of `createServer` is one of Node's: what is sent over a connection is answered as under `app.listen`.

import { once } from 'node:events';
import { createServer as plainServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Express } from 'express';
import type { Cache } from 'respcache';
import { createServer } from 'respcache/express';
import { describe, expect, it } from 'vitest';
import { constructorsOf } from '../../adapters/express/prototypes.js';
import { serverOf } from '../../adapters/node/server.js';
import { load } from './hosts.js';
import { useNode } from './node-host.js';

const EXPRESS = ['express4', 'express'];
const bench = useNode();

/** Sends what it is given, and reads until the server ends the connection. */
async function said(server: Server, sent: string): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.end(sent, 'latin1');
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
  });
  await once(socket, 'close');
  // The moment, and what the cache adds.
  return text.replaceAll(/^(?:Date|Cache-Status|ETag|Vary|Age): .*\r\n/gim, '');
}

const answering = (what: string) => (_req: unknown, socket: unknown) => {
  (socket as Socket).end(`HTTP/1.1 101 ${what}\r\n\r\n`);
};

/** What users hang on a server themselves. */
function listen(server: Server): void {
  server.on('upgrade', answering('upgraded'));
  server.on('connect', answering('connected'));
  server.on('checkContinue', (req, res) => {
    if (req.url === '/refused') {
      res.writeHead(417, { 'Content-Length': 0 }).end();
      return;
    }
    res.writeContinue();
    server.emit('request', req, res);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    (socket as Socket).end(`HTTP/1.1 400 ${error.code}\r\n\r\n`);
  });
}

function application(name: string): Express {
  const app = load<() => Express>(name)();
  app.get('/a', (req, res) => void res.send(`a ${req.query.n}`));
  app.get('/stream', (_req, res) => {
    res.write('one ');
    setImmediate(() => res.end('two'));
  });
  app.post('/a', (req, res) => {
    const pieces: Buffer[] = [];
    req.on('data', (piece: Buffer) => pieces.push(piece));
    req.on('end', () => void res.status(201).send(Buffer.concat(pieces)));
  });
  return app;
}

const get = (target: string, ...fields: string[]) =>
  [`GET ${target} HTTP/1.1`, 'Host: a', ...fields, '', ''].join('\r\n');
const LAST = get('/a?n=last', 'Connection: close');

const SENT: [string, string][] = [
  ['several requests over a kept connection, sent at once', get('/a?n=1') + get('/stream') + get('/a?n=1') + LAST],
  ['HEAD', get('/a?n=1').replace('GET', 'HEAD') + get('/a?n=1').replace('GET', 'HEAD') + LAST],
  ['HTTP/1.0', 'GET /a?n=1 HTTP/1.0\r\n\r\n'],
  ['a body', `POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody${LAST}`],
  [
    'a body in chunks',
    `POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n${LAST}`,
  ],
  ['Upgrade', get('/a', 'Connection: Upgrade', 'Upgrade: websocket')],
  ['CONNECT', 'CONNECT b:443 HTTP/1.1\r\nHost: b\r\n\r\n'],
  [
    'Expect: 100-continue',
    `POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody${LAST}`,
  ],
  ['an expectation that is refused', get('/refused', 'Expect: 100-continue') + LAST],
  ['what is no request', 'GARBAGE\r\n\r\n'],
  ['a head that is too large', get('/a', `X-Large: ${'x'.repeat(3000)}`)],
  ['a path of none', get('/none', 'Connection: close')],
];

describe.each(EXPRESS)('a server in front of %s', (name) => {
  const http = { maxHeaderSize: 2048 };

  async function serving(kind: 'bare' | 'own' | 'with prototypes'): Promise<Server> {
    const app = application(name);
    const make = {
      bare: () => plainServer(http, app),
      own: (cache: Cache) => createServer(app, { cache, http }),
      'with prototypes': (cache: Cache) => serverOf(app, { cache, http }, constructorsOf(app)),
    };
    return (await bench.serve('memory', make[kind])).server;
  }

  it.each(SENT)('answers %s as Node does', async (_, sent) => {
    for (const own of [false, true]) {
      const servers = await Promise.all((['bare', 'own', 'with prototypes'] as const).map(serving));
      if (own) for (const server of servers) listen(server);
      const [bare, ...others] = await Promise.all(servers.map((server) => said(server, sent)));
      expect(bare).toMatch(/^HTTP\/1\.1 \d{3} |^$/);
      expect(others).toEqual([bare, bare]);
    }
  });

  it('gives upgrades to their listener as the application’s requests, and never to the application', async () => {
    const server = await serving('with prototypes');
    const seen: unknown[] = [];
    server.on('upgrade', (req, socket) => {
      seen.push(req.url, 'app' in req);
      socket.end('HTTP/1.1 101 upgraded\r\n\r\n');
    });
    await said(server, get('/a', 'Connection: Upgrade', 'Upgrade: websocket'));
    expect(seen).toEqual(['/a', true]);
  });

  it('ends a request that takes too long, as its options say', async () => {
    const limits = { headersTimeout: 20, requestTimeout: 20, connectionsCheckingInterval: 10 };
    const { port } = await bench.serve('memory', (cache) => createServer(application(name), { cache, http: limits }));
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /a HTTP/1.1\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 408 /);
    await once(socket, 'close');
  });
});
