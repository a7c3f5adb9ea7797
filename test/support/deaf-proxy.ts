// A proxy to a server that answers until it is asked something, and nothing from then on: connections stay open.

import { standBetween } from './between.js';

export interface DeafProxy {
  readonly url: string;
  /** Resolves as it is asked what it does not answer any more. */
  readonly deaf: Promise<void>;
  close(): Promise<void>;
}

/** `to`: what is not passed on any more, with all that comes behind it on the same connection. */
export async function startDeafProxy(targetPort: number, to: RegExp): Promise<DeafProxy> {
  let turnedDeaf = () => {};
  const deaf = new Promise<void>((resolve) => {
    turnedDeaf = resolve;
  });
  const { port, close } = await standBetween(targetPort, (client, upstream) => {
    upstream.pipe(client);
    const pass = (bytes: Buffer) => {
      if (!to.test(bytes.toString('latin1'))) return void upstream.write(bytes);
      client.off('data', pass).resume();
      turnedDeaf();
    };
    client.on('data', pass);
  });
  return { url: `redis://127.0.0.1:${port}`, deaf, close };
}
