// A proxy to a server that answers until it is asked something, and nothing from then on: connections stay open.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface DeafProxy {
  readonly url: string;
  /** Resolves as it is asked what it does not answer any more. */
  readonly deaf: Promise<void>;
  close(): Promise<void>;
}

/** `to`: what is not passed on any more, with all that comes behind it on the same connection. */
export async function startDeafProxy(targetPort: number, to: RegExp): Promise<DeafProxy> {
  const sockets = new Set<Socket>();
  let turnedDeaf = () => {};
  const deaf = new Promise<void>((resolve) => {
    turnedDeaf = resolve;
  });
  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1');
    for (const [socket, other] of [[client, upstream] as const, [upstream, client] as const]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    upstream.pipe(client);
    const pass = (bytes: Buffer) => {
      if (!to.test(bytes.toString('latin1'))) return void upstream.write(bytes);
      client.off('data', pass).resume();
      turnedDeaf();
    };
    client.on('data', pass);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    deaf,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
