import type { ServerResponse } from 'node:http';
import type { Sink } from './sink.js';
import { isClosed } from './state.js';

/** By what a handler says that it has something to answer. */
const ANSWERS = ['setHeader', 'writeHead', 'write', 'end'] as const;

/**
 * Who answers in a handler's place with a failure, as a timeout does, has not undone what the handler changes. That this is done is heard
 * of as it answers too late, which Node refuses: then it is invalidated, once. To be called as the failure has been given.
 */
export function hearLate(res: ServerResponse, sink: Sink): void {
  const listen = () => {
    const methods = res as unknown as Record<string, (...args: unknown[]) => unknown>;
    let isHeard = false;
    for (const name of ANSWERS) {
      const method = methods[name]!;
      methods[name] = (...args) => {
        if (!isHeard) void sink.invalidate(res.getHeaders());
        isHeard = true;
        return method.apply(res, args);
      };
    }
  };
  // Until it has left, layers outside may go on with it.
  if (isClosed(res)) listen();
  else res.once('close', listen);
}
