import type { IncomingMessage, ServerResponse } from 'node:http';
import { Server } from 'node:net';
import { pipeline } from 'node:stream';
import { type Cache, chosenCache } from '../../src/cache.js';
import { aFunction, anObject, knownOnly } from '../../src/check.js';
import type { OperationsReply, OperationsRequest } from '../../src/operations/messages.js';
import { Metrics } from '../../src/operations/metrics.js';
import type { Operations } from '../../src/operations/operations.js';
import type { MetricLabel, Registry } from '../../src/stats/prometheus.js';
import type { MaybePromise } from '../../src/types.js';

/** What a router of statistics takes. `S`: what `authorize` is asked of, Express' request or Koa's context. */
export interface OperationsOptions<S> {
  /** The cache to show. Default: `defaultCache()`, made from the environment. */
  cache?: Cache;
  /** Who may see tenants and routes, and change things. Without it nobody: those paths answer 404. */
  authorize?: (source: S) => MaybePromise<boolean>;
  /**
   * The registry of prom-client that shows the metrics from now on, also on a page of the application's own. Default:
   * prom-client's own, once `/metrics` is asked for.
   */
  registry?: Registry;
  /** Which figures also stand there by name; then only those whom `authorize` lets may see them here. Default: none. */
  metricLabels?: readonly MetricLabel[];
}

/** What a router works with. @throws {ConfigError} for an option that cannot be used */
export function operationsOf<S>(options: OperationsOptions<S>): {
  readonly operations: Operations;
  readonly mayChange: (source: S) => MaybePromise<boolean>;
} {
  const {
    cache: given,
    authorize,
    registry,
    metricLabels,
    ...rest
  } = anObject('the options of statsRouter()', options);
  knownOnly('', rest, ['cache', 'authorize', 'registry', 'metricLabels']);
  if (authorize !== undefined) aFunction('option authorize', authorize);
  const cache = chosenCache(given);
  const metrics = new Metrics(cache, { registry, metricLabels });
  return { operations: { cache, metrics }, mayChange: async (source) => (await authorize?.(source)) === true };
}

/** What of a request its framework does not change. */
export function requestFacts(
  req: IncomingMessage,
  url: string,
): Pick<OperationsRequest, 'query' | 'headers' | 'secure' | 'closing' | 'app'> {
  const { server, encrypted } = req.socket as { server?: unknown; encrypted?: boolean };
  const own = server instanceof Server ? server : undefined;
  const mark = url.indexOf('?');
  return {
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
    headers: req.headers,
    secure: encrypted === true,
    closing: () => own !== undefined && isClosing(own),
    app: own,
  };
}

/** Those that have been seen to listen: some never do, and are given their connections. */
const listening = new WeakSet<Server>();

function isClosing(server: Server): boolean {
  if (server.listening) listening.add(server);
  return !server.listening && listening.has(server);
}

/** Sends an answer past a framework that would add to it. */
export function sendOperations(res: ServerResponse, { status, headers, body }: OperationsReply): void {
  // Somebody has answered meanwhile, a timeout say.
  if (res.headersSent) {
    if (typeof body !== 'string') body.destroy();
    return;
  }
  res.statusCode = status;
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  if (typeof body === 'string') res.end(body);
  // Whoever goes while it is sent is no error.
  else pipeline(body, res, () => {});
}
