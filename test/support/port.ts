import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that Linux gives to connections, and to servers that ask for any: nobody takes one by chance before it is used. */
const LOWEST = 20_000;
/** So many for each of the processes that run tests beside each other, and so many of these. */
const EACH = 2000;
const PROCESSES = 6;

const first = LOWEST + (Number(process.env.VITEST_POOL_ID ?? 0) % PROCESSES) * EACH;
let next = Math.floor(Math.random() * EACH);

/** A port of the loopback interface on which nobody listens, and that nobody else here is given before all others. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = first + (next++ % EACH);
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
