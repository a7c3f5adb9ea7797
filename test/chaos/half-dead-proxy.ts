// A network that forgets connections without telling either end, as a firewall or a moved address does: what was open
// stays silent for ever, and new connections work.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

export interface HalfDeadProxy {
  readonly port: number;
  /** From now on nothing passes over the connections that are open. */
  forget(): void;
  close(): Promise<void>;
}

export async function startHalfDeadProxy(targetPort: number): Promise<HalfDeadProxy> {
  const sockets = new Set<Socket>();
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1');
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [upstream, client] as const]) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        // Whoever is forgotten is not told that the other has gone.
        if (pairs.has(pair)) to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    forget: () => {
      for (const [client, upstream] of pairs) {
        client.unpipe(upstream);
        upstream.unpipe(client);
        // Read on, to nowhere: a full window would tell the sender.
        client.resume();
        upstream.resume();
      }
      pairs.clear();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
