import { withoutSecrets } from '../../src/environment.js';
import type { RedisTarget } from '../../src/stores/redis-client.js';
import { EXIT, Failure } from './failure.js';

/** A node, and how all nodes of its Cluster are signed in to, where it says so. */
interface Seed {
  readonly host: string;
  readonly port: number;
  readonly access: Access | undefined;
}

interface Access {
  readonly username?: string;
  readonly password?: string;
  readonly tls?: Record<string, never>;
}

const TAKES = 'host:port,host:port,…, or redis:// and rediss:// URLs without a database';

/** The Cluster that `--cluster` names. @throws {Failure} */
export function clusterOf(text: string): RedisTarget {
  // A password may have commas, too.
  const seeds = text.split(/,(?![^/]*@)/).map((seed) => seedOf(seed.trim()));
  const said = seeds.flatMap(({ access }) => (access === undefined ? [] : [access]));
  const [access = {}] = said;
  if (said.some((each) => JSON.stringify(each) !== JSON.stringify(access)))
    throw new Failure('--cluster: the nodes of a Cluster have one user, one password, and TLS or not.', EXIT.usage);
  const cluster = seeds.map(({ host, port }) => ({ host, port }));
  return said.length === 0 ? { cluster } : { cluster, options: { redisOptions: access } };
}

function seedOf(seed: string): Seed {
  if (/^rediss?:/i.test(seed)) return urlSeed(seed) ?? wrong(seed);
  const [, host, port] = /^\[?([^\]@/]+?)\]?:(\d+)$/.exec(seed) ?? [];
  return host === undefined ? wrong(seed) : { host, port: Number(port), access: undefined };
}

function urlSeed(text: string): Seed | undefined {
  if (!/^rediss?:\/\/./i.test(text) || !URL.canParse(text)) return undefined;
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(text);
  if (hostname === '' || !/^\/?0?$/.test(pathname) || search + hash !== '') return undefined;
  try {
    const access: Access = {
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
      ...(protocol === 'rediss:' ? { tls: {} } : {}),
    };
    return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 6379 : Number(port), access };
  } catch {
    // A lone percent sign.
    return undefined;
  }
}

function wrong(seed: string): never {
  throw new Failure(`--cluster is ${withoutSecrets(seed)}; it takes ${TAKES}`, EXIT.usage);
}
