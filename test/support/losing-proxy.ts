// A proxy to a server that takes one answer away and ends the connection in its place: a client may ask again what has been done.

import { type Between, standBetween } from './between.js';

export interface LosingProxy extends Between {
  /** How many answers have been lost. */
  readonly lost: number;
  /** Has the answer lost to what is asked next that has this text in it. */
  lose(text: string): void;
}

export async function startLosingProxy(targetPort: number): Promise<LosingProxy> {
  let wanted: string | undefined;
  let lost = 0;
  const between = await standBetween(targetPort, (client, upstream) => {
    let isLosing = false;
    client.on('data', (bytes) => {
      if (wanted !== undefined && bytes.includes(wanted)) {
        wanted = undefined;
        isLosing = true;
        lost++;
      }
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => (isLosing ? client.destroy() : client.write(bytes)));
  });
  return {
    ...between,
    get lost() {
      return lost;
    },
    lose: (text) => {
      wanted = text;
    },
  };
}
