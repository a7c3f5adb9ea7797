// Requests that a client sends one behind the other on one connection, without waiting for their answers: while the first is
// not answered, the answers to the others stand in line, and if the connection closes, Node does not say so of these.

import { EventEmitter, once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { whenLostInLine } from '../../adapters/node/state.js';
import { type ClockedHost, COMBINATIONS, type Combination, IN_FRONT, OF_EXPRESS, useBench } from './bench.js';
import { type Handler, type Layer, raw } from './hosts.js';

const bench = useBench();

/** More than a response takes before it asks its handler to wait. */
const large = () => Readable.from(Array.from({ length: 20 }, () => 'a'.repeat(10_000)));
const ALL = 'a'.repeat(200_000);

/** Asks for a path behind an answer that does not come, and waits until the server is at work on both. */
async function askBehind(host: ClockedHost, path: string): Promise<Socket> {
  const server = await host.server();
  const { port } = server.address() as { port: number };
  const socket = connect(port, '127.0.0.1');
  const begun = new Promise<void>((resolve) => {
    let requests = 0;
    server.on('request', () => ++requests === 2 && resolve());
  });
  for (const each of ['/never', path]) socket.write(`GET ${each} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  await begun;
  return socket;
}

const NAME = 'is not waited for by others when its client has gone';

/** What another client is given that asks for what the handler is making for one that stands in line, and goes. */
async function textForWhoWaits(combination: Combination, make: (isFirst: () => boolean) => Handler | Layer) {
  const host = await bench.start(combination, { collapseTimeout: 60_000 });
  let runs = 0;
  const handler = make(() => ++runs === 1);
  host.get('/x', {}, handler);
  host.get('/never', {}, () => new Promise<never>(() => {}));
  const client = await askBehind(host, '/x');
  await vi.waitFor(() => expect(runs).toBe(1));
  const asked = once(await host.server(), 'request');
  const other = host.ask('/x');
  await asked;
  client.destroy();
  return (await other).text;
}

describe.each([...COMBINATIONS, ...IN_FRONT])('a stream in line: $label', (combination) => {
  it(NAME, async () => {
    const text = await textForWhoWaits(combination, (isFirst) => () => ({ body: isFirst() ? large() : 'another' }));
    // Under Koa on Node 22 and later the stream comes to its end all the same: then it is that.
    expect([ALL, 'another']).toContain(text);
  });
});

describe.each([...OF_EXPRESS, ...IN_FRONT])(
  'pieces in line whose handler waits for its client: $label',
  (combination) => {
    it(NAME, async () => {
      const text = await textForWhoWaits(combination, (isFirst) =>
        raw(async (res) => {
          for await (const piece of isFirst() ? large() : ['another']) if (!res.write(piece)) await once(res, 'drain');
          res.end();
        }),
      );
      expect(text).toBe('another');
    });
  },
);

/** An answer that stands in line on a connection, behind another one. */
const inLine = (socket: Socket) =>
  Object.assign(new EventEmitter(), { socket: null, finished: false, req: { socket } }) as unknown as ServerResponse;

it('of the answers that stood in line on a connection as it closes, those are told of that are not closed yet', () => {
  const connection = new Socket();
  const [answered, lost] = [vi.fn(), vi.fn()];
  const first = inLine(connection);
  whenLostInLine(first, answered);
  whenLostInLine(inLine(connection), lost);
  expect(connection.listenerCount('close')).toBe(1);
  first.emit('close');
  connection.emit('close');
  // A connection may be there for days: what has been answered on it is not kept.
  expect(answered).not.toHaveBeenCalled();
  expect(lost).toHaveBeenCalledOnce();
});
