// A network that forgets connections without telling either end, as a firewall or a moved address does: what was open
// stays silent for ever, and new connections work.

import type { Socket } from 'node:net';
import { type Between, standBetween } from '../support/between.js';

export interface HalfDeadProxy extends Between {
  /** From now on nothing passes over the connections that are open. */
  forget(): void;
}

export async function startHalfDeadProxy(targetPort: number): Promise<HalfDeadProxy> {
  const open = new Map<Socket, Socket>();
  const join = (client: Socket, upstream: Socket) => {
    open.set(client, upstream);
    client.pipe(upstream).pipe(client);
  };
  // Whoever is forgotten is not told that the other has gone.
  const between = await standBetween(targetPort, join, (client) => open.has(client));
  return {
    ...between,
    forget: () => {
      for (const [client, upstream] of open) {
        client.unpipe(upstream);
        upstream.unpipe(client);
        // Read on, to nowhere: a full window would tell the sender.
        client.resume();
        upstream.resume();
      }
      open.clear();
    },
  };
}
