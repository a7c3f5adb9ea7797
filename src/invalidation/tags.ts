/*
 * Everything that an entry can be invalidated by is a purge tag, one string:
 *
 *   *                    everything
 *   t:<tenant>           a tenant
 *   k:<tenant>:<name>    a key: of the programmatic API, or a route's name, or a path, or a path with its query
 *   u:<tenant>:<uri>     one URL of one origin, for unsafe methods (RFC 9111 §4.4)
 *   p:<tenant>:<uri>     whatever answers several queries of one path (`No-Vary-Search`), for the same
 *   q:<tenant>:<name>    the same by its name, for keys with a query
 *   g:<tenant>:<tag>     a tag of one tenant
 *   G:<tag>              a tag of whichever tenant
 *
 * <tenant> comes escaped (`escapeTenant`) and has no colon, so that no name can reach into another tenant.
 */
export const EVERYTHING: string = '*';
export const tenantTag = (tenant: string): string => `t:${tenant}`;
export const uriTag = (tenant: string, uri: string): string => `u:${tenant}:${uri}`;
export const pathTag = (tenant: string, uri: string): string => `p:${tenant}:${uri}`;
export const ownTag = (tenant: string, tag: string): string => `g:${tenant}:${tag}`;
export const globalTag = (tag: string): string => `G:${tag}`;

export const keyTag = (tenant: string, name: string): string => `k:${tenant}:${name}`;
export const queryTag = (tenant: string, name: string): string => `q:${tenant}:${name}`;

/**
 * What the purge of a key reaches: one with a query may be answered by a response for several queries of its path. An empty
 * query (`/users?`) is none, while the path itself stands for all of its queries.
 */
export function keyTags(tenant: string, name: string): string[] {
  const mark = name.indexOf('?');
  return mark < 0 ? [keyTag(tenant, name)] : [keyTag(tenant, name), queryTag(tenant, name.slice(0, mark))];
}

/** What the ledger needs to know of an entry to judge it. */
export interface Subject {
  /** Escaped; empty for requests without a tenant header. */
  readonly tenant: string;
  /** What patterns are tried against. */
  readonly names: readonly string[];
  /** The URI of a response, in the form of its purge tag. */
  readonly uri?: string;
  /** The same without its query, where the response answers other queries, too. */
  readonly pathUri?: string;
  /** The entry's tags, as given. */
  readonly tags: readonly string[];
}

/** All purge tags that reach a subject. */
export function purgeTags(subject: Subject): string[] {
  const { tenant } = subject;
  const all = [EVERYTHING, tenantTag(tenant)];
  for (const name of subject.names) all.push(keyTag(tenant, name));
  if (subject.uri !== undefined) {
    all.push(uriTag(tenant, subject.uri));
    if (!subject.uri.includes('?')) for (const name of subject.names) all.push(keyTag(tenant, `${name}?`));
  }
  if (subject.pathUri !== undefined) {
    all.push(pathTag(tenant, subject.pathUri));
    for (const name of subject.names) all.push(queryTag(tenant, name));
  }
  for (const tag of subject.tags) all.push(ownTag(tenant, tag), globalTag(tag));
  return all;
}

/** What an invalidation is aimed at, as users say it. */
export interface PurgeTarget {
  readonly by: 'everything' | 'tenant' | 'key' | 'url' | 'tag' | 'tag of all tenants' | 'pattern';
  /** The key, the URL, the tag or the pattern; of a tenant its escaped name. */
  readonly name?: string;
}

/** What a purge tag stands for. */
export function targetOf(tag: string): PurgeTarget {
  if (tag === EVERYTHING) return { by: 'everything' };
  const rest = tag.slice(2);
  if (tag.startsWith('t:')) return { by: 'tenant', name: rest };
  if (tag.startsWith('G:')) return { by: 'tag of all tenants', name: rest };
  const name = rest.slice(rest.indexOf(':') + 1);
  if (tag.startsWith('g:')) return { by: 'tag', name };
  return { by: tag.startsWith('k:') || tag.startsWith('q:') ? 'key' : 'url', name };
}
