import { isObservable, lastValueFrom, Observable } from 'rxjs';
import { atOnce, namesAtOnce } from '../../src/ask.js';
import type { Cache } from '../../src/cache.js';
import { knownOnly } from '../../src/check.js';
import { ConfigError, RespcacheError } from '../../src/errors.js';
import { GET_OR_SET_OPTIONS } from '../../src/service/get-or-set.js';
import { textOf } from '../../src/service/place.js';
import type { Behaviour, CacheableOptions, Of, Purge } from './behaviour.js';

/** A call of a decorated method that is no route. */
export interface Call {
  /** Of the class and the method, for errors. */
  readonly label: string;
  readonly self: object;
  readonly args: unknown[];
  readonly original: (...args: unknown[]) => unknown;
}

/** Runs a method with what its decorators add: its value from the cache, and what is invalid once it has succeeded. */
export async function callMethod(cache: Cache | undefined, behaviour: Behaviour, call: Call): Promise<unknown> {
  if (cache === undefined)
    throw new RespcacheError(`${call.label} has no cache: it has to be called on an instance that Nest has made`);
  checkMethod(behaviour, call.label);
  // Before the method runs: what cannot be said must not come to light when it has changed something.
  const purges = behaviour.purges.map((purge) => purgeOf(cache, purge, call));
  const result = await value(cache, behaviour.cacheable, call);
  const purge = () => Promise.all(purges.map((purge) => purge()));
  // It has done nothing yet: it does when somebody subscribes to it.
  if (isObservable(result) && purges.length > 0) return endingWith(result, purge);
  await purge();
  return result;
}

/**
 * The values of an Observable as they come, but for the last one: it waits for what is done at the end. Who lets go of it before does
 * not undo what it changes, so that it goes on to its end.
 */
function endingWith<T>(source: Observable<T>, atEnd: () => Promise<unknown>): Observable<T> {
  return new Observable((subscriber) => {
    let held: T[] = [];
    const letGo = () => {
      for (const value of held.splice(0)) subscriber.next(value);
    };
    const fail = (error: unknown) => {
      letGo();
      subscriber.error(error);
    };
    source.subscribe({
      next: (value) => {
        letGo();
        held = [value];
      },
      // Where it fails nothing is done, for which the last one would have to wait.
      error: fail,
      complete: () => {
        atEnd().then(() => {
          letGo();
          subscriber.complete();
        }, fail);
      },
    });
  });
}

/** Checks what only a method needs that is no route. @throws {ConfigError} */
export function checkMethod({ cacheable, purges }: Behaviour, label: string): void {
  const missing = (name: string, decorator: string) =>
    new ConfigError(`option ${name} of @${decorator} on ${label}`, undefined, 'a text, or a function that returns one');
  if (cacheable !== undefined) {
    knownOnly(`of @Cacheable on ${label}: `, cacheable, ['key', 'clientId', ...GET_OR_SET_OPTIONS]);
    for (const name of ['key', 'clientId'] as const)
      if (cacheable[name] === undefined) throw missing(name, 'Cacheable');
  }
  for (const purge of purges) {
    if (purge.clientId !== undefined) continue;
    if (purge.kind === 'clear' && purge.scope === 'tenant') throw missing('clientId', 'CacheClear');
    if (purge.kind === 'names' && !isForAll(purge)) throw missing('clientId', 'CacheInvalidate');
  }
}

function value(cache: Cache, options: CacheableOptions | undefined, call: Call): unknown {
  const run = () => Reflect.apply(call.original, call.self, call.args);
  if (options === undefined) return run();
  const { key, clientId, ttl, tags, ...rest } = options;
  const of = <R>(option: string, value: Of<R> | undefined) => said(`${option} of @Cacheable`, value, call);
  const [name, client] = [of('key', key), of('clientId', clientId)];
  // Whose it is, or which it is, is not known: it is nobody's, as a request without a tenant's name.
  if (name === undefined || name === null || client === undefined || client === null) return run();
  const seconds = of('ttl', ttl);
  const names = of('tags', tags);
  return cache.getOrSet(name, async () => valueIn(await run()), client, {
    ...rest,
    ...(seconds === undefined ? {} : { ttl: seconds }),
    ...(names === undefined ? {} : { tags: typeof names === 'string' ? [names] : names }),
  });
}

/** What can be stored of what a method gives: of an Observable its last value, as a route answers with that. */
function valueIn(result: unknown): unknown {
  return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
}

function purgeOf(cache: Cache, purge: Purge, call: Call): () => Promise<unknown> {
  const all = purge.kind === 'clear' ? purge.scope !== 'tenant' : isForAll(purge);
  const clientId = all ? '' : clientOf(purge, call);
  if (purge.kind === 'clear') return () => (all ? cache.clear() : cache.invalidateTenant(clientId));
  const names = (name: 'keys' | 'tags' | 'patterns') => namesOf(name, purge[name], call);
  const [keys, tags, patterns] = [names('keys'), names('tags'), names('patterns')];
  return () =>
    Promise.all([
      ...keys.map((key) => cache.invalidateKey(key, clientId)),
      ...(tags.length === 0 ? [] : [cache.invalidateByTags(tags, purge.allTenants ? undefined : clientId)]),
      ...patterns.map((pattern) => cache.invalidatePattern(pattern, clientId)),
    ]);
}

/** Whose entries are meant: without it, tags would count for every tenant. */
function clientOf({ kind, clientId }: Purge, call: Call): string {
  const client = said(`clientId of @${kind === 'clear' ? 'CacheClear' : 'CacheInvalidate'}`, clientId, call);
  if (typeof client === 'string' && client !== '') return client;
  throw new TypeError(
    `${call.label}: clientId is ${client === '' ? 'empty' : String(client)}; nothing can be invalidated`,
  );
}

/** Tags can be meant for every tenant; keys and patterns are somebody's. */
function isForAll({ keys, patterns, allTenants }: Purge & { kind: 'names' }): boolean {
  return allTenants === true && keys === undefined && patterns === undefined;
}

/** What an option says of a call. @throws {TypeError} for a promise, whose failure nobody would hear of */
function said<R>(name: string, value: Of<R> | undefined, call: Call): R | undefined {
  if (typeof value !== 'function') return value;
  return atOnce(functionOf(name, call), Reflect.apply(value, call.self, call.args) as R);
}

/** A function that gives nothing has nothing to invalidate. @throws {TypeError} for what cannot be a name */
function namesOf(name: string, names: Of<string | readonly string[]> | undefined, call: Call): readonly string[] {
  const option = `${name} of @CacheInvalidate`;
  const what = functionOf(option, call);
  return namesAtOnce(what, said(option, names, call) ?? []).map((each) => textOf(what, each));
}

function functionOf(option: string, { label }: Call): string {
  return `the function ${option} on ${label}`;
}
