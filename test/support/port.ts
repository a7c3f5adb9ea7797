import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that Linux gives to connections, and to servers that ask for any: nobody takes one by chance before it is used. */
const LOWEST = 20_000;
const HIGHEST = 32_000;

/** A port of the loopback interface on which nobody listens. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      // Somebody is there.
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}
