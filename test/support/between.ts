// Stands between a client and a server of this machine, for tests of what may happen on the way.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Between {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * `join`: is given the two ends of each connection, and passes on what comes. `tells`: whether an end is told when the other one has
 * gone; by default it is.
 */
export async function standBetween(
  targetPort: number,
  join: (client: Socket, upstream: Socket) => void,
  tells: (client: Socket) => boolean = () => true,
): Promise<Between> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    for (const [socket, other] of [[client, upstream] as const, [upstream, client] as const]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => {
        sockets.delete(socket);
        if (tells(client)) other.destroy();
      });
    }
    join(client, upstream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
