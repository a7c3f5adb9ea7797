// Invalidations by chance, by the API and by requests.

import type { App } from './app.js';
import { TAGS } from './plans.js';
import type { Random } from './random.js';
import { tenantOf } from './settings.js';
import type { Purge, Run, World } from './world.js';

/** Names of tenants that the API can be given, and what `tenantOf` calls them. */
const CLIENTS = ['a', 'b', 'a:b', '*'];

type Kind = Pick<Purge, 'what' | 'matches'> & { readonly run: (cache: App['cache']) => Promise<unknown> };

/** Invalidates something, and writes down what must be gone then. */
export async function purge(app: App, world: World, random: Random): Promise<void> {
  const kind = kindOf(app, random);
  const startedAt = world.tick();
  await kind.run(app.cache);
  world.purges.push({ what: kind.what, startedAt, resolvedAt: world.tick(), matches: kind.matches });
}

function kindOf({ settingsFor }: App, random: Random): Kind {
  const client = random.pick(CLIENTS);
  const tag = random.pick(TAGS);
  const path = random.pick(['/r0', '/r1', '/r2/x', '/', '/other']);
  const ofTenant = ({ seen }: Run) => tenantOf(settingsFor(seen.target), seen.headers) === `=${client}`;
  const hasTag = ({ tags, seen }: Run) => tags.includes(tag) || (settingsFor(seen.target).tags ?? []).includes(tag);
  const name = random.pick(['named', 'users:list']);
  const kinds: Kind[] = [
    { what: 'clear()', matches: () => true, run: (cache) => cache.clear() },
    { what: `the tenant ${client}`, matches: ofTenant, run: (cache) => cache.invalidateTenant(client) },
    {
      what: `the tag ${tag} of ${client}`,
      matches: (run) => hasTag(run) && ofTenant(run),
      run: (cache) => cache.invalidateByTags([tag], client),
    },
    { what: `the tag ${tag}`, matches: hasTag, run: (cache) => cache.invalidateByTags([tag]) },
    {
      what: `the key ${path} of ${client}`,
      matches: (run) => ofTenant(run) && run.seen.target.split('?')[0] === path,
      run: (cache) => cache.invalidateKey(path, client),
    },
    {
      what: `the key ${name} of ${client}`,
      matches: (run) => ofTenant(run) && nameFor(run, settingsFor) === name,
      run: (cache) => cache.invalidateKey(name, client),
    },
    {
      what: `the pattern ${path}* of ${client}`,
      matches: (run) => ofTenant(run) && run.seen.target.startsWith(path),
      run: (cache) => cache.invalidatePattern(`${path}*`, client),
    },
  ];
  return random.pick(kinds);
}

function nameFor({ seen }: Run, settingsFor: App['settingsFor']): string | undefined {
  const { personalKey, name } = settingsFor(seen.target);
  return personalKey ? undefined : name;
}

/** An unsafe request that succeeds invalidates its own URL, for its tenant (RFC 9111 §4.4). */
export function purgeOfUnsafe({ settingsFor }: App, world: World, no: number, status: number): void {
  const asked = world.seen.get(no);
  const run = world.runsFor(no)[0];
  // Past Koa the answer can leave before the cache knows of it.
  if (asked === undefined || run?.endedAt === undefined || run.past || status >= 400) return;
  if (['GET', 'HEAD', 'OPTIONS', 'TRACE'].includes(asked.method) || !asked.target.startsWith('/')) return;
  const tenant = tenantOf(settingsFor(asked.target), asked.headers);
  if (tenant === undefined) return;
  world.purges.push({
    what: `${asked.method} ${asked.target} (request ${no})`,
    startedAt: run.startedAt,
    resolvedAt: world.tick(),
    matches: ({ seen }) =>
      seen.target === asked.target &&
      seen.headers.host === asked.headers.host &&
      seen.headers['x-forwarded-host'] === asked.headers['x-forwarded-host'] &&
      seen.headers.forwarded === asked.headers.forwarded &&
      tenantOf(settingsFor(seen.target), seen.headers) === tenant,
  });
}
