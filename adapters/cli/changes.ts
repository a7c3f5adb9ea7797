import { orAborted } from '../../src/aborted.js';
import { ConfigError } from '../../src/errors.js';
import type { Receipt } from '../../src/invalidation/ledger.js';
import { EXIT, Failure } from './failure.js';
import { messageOf, type Session } from './session.js';
import { count, visible } from './terminal.js';

export interface InvalidateOptions {
  /** `false`: what belongs to no client. */
  readonly tenant?: string | false;
  readonly key?: readonly string[];
  readonly tag?: readonly string[];
  readonly pattern?: readonly string[];
}

/** `invalidate`: by keys, tags and patterns; tags without a tenant count for all. */
export async function invalidate(session: Session, options: InvalidateOptions): Promise<void> {
  const { cache, terminal } = session;
  const { tenant, key = [], tag = [], pattern = [] } = options;
  if (key.length + tag.length + pattern.length === 0)
    throw new Failure('What? Say --key, --tag or --pattern, each as often as you like.', EXIT.usage);
  if (tenant === undefined && key.length + pattern.length > 0)
    throw new Failure(
      'Keys and patterns belong to a client: say --tenant, or --no-tenant. Only tags go without.',
      EXIT.usage,
    );
  const list = [
    ...key.map((name) => `key ${name}`),
    ...tag.map((name) => `tag ${name}`),
    ...pattern.map((name) => `pattern ${name}`),
  ];
  const whose = tenant === undefined ? 'all tenants' : tenant === false ? 'no tenant' : `the tenant ${tenant}`;
  const client = tenant === false ? null : tenant;
  await terminal.confirm(`Invalidate ${visible(list.join(', '))} of ${visible(whose)}?`, session.yes, session.signal);
  const receipts = await Promise.all([
    ...key.map((name) => cache.invalidateKey(name, client!)),
    ...(tag.length > 0 ? [cache.invalidateByTags(tag, client)] : []),
    ...pattern.map((glob) => cache.invalidatePattern(glob, client!)),
  ]);
  const sequence = Math.max(...receipts.map((receipt) => receipt.sequence));
  receipt(session, { sequence, durable: receipts.every(({ durable }) => durable) });
}

/** `clear`: everything under the prefix. */
export async function clear(session: Session): Promise<void> {
  const { cache, terminal, yes, signal } = session;
  const { prefix } = cache.settings;
  const what =
    prefix === ''
      ? 'everything that this Redis caches without a prefix'
      : `everything under the prefix ${visible(prefix)}`;
  await terminal.confirm(`Invalidate ${what}, of every tenant?`, yes, signal);
  const got = await cache.clear();
  try {
    // What this process has begun it ends: else nobody would sweep until its turn is over.
    if (got.durable) await orAborted(cache.services.backend.sweep(), signal);
  } finally {
    // It is done, be it swept or not.
    receipt(session, got);
  }
}

/** `erase-tenant`: a client leaves: nothing of it stays in Redis. */
export async function erase(session: Session, tenant: string): Promise<void> {
  const { cache, terminal, yes, signal } = session;
  await terminal.confirm(`Delete all that is cached of the tenant ${visible(tenant)}?`, yes, signal);
  const bar = terminal.progress('erasing');
  let removed = 0;
  try {
    const got = await cache.invalidateTenant(tenant, {
      erase: true,
      signal,
      onProgress: (progress) => {
        removed = progress.removed;
        bar.set(progress.scanned, progress.scanned, `${count(removed)} removed`);
      },
    });
    bar.end();
    receipt(session, { ...got, removed });
  } catch (error) {
    // A name that no client can have: nothing was begun.
    if (error instanceof ConfigError || error instanceof TypeError || error instanceof Failure) throw error;
    if (session.refusal() !== undefined) throw notTaken(session);
    const why = signal.aborted ? 'it was broken off' : messageOf(error);
    const message = `Nothing of it is served any more, but not all is deleted: ${why}. Say it again.`;
    throw new Failure(message, signal.aborted ? EXIT.interrupted : EXIT.failed);
  } finally {
    bar.end();
  }
}

/** An invalidation that Redis does not know of is none: this process ends, and with it what it knew. */
function receipt(session: Session, got: Receipt & { readonly removed?: number }): void {
  const { terminal } = session;
  if (terminal.json) terminal.document(got);
  else if (got.durable) {
    const gone = got.removed === undefined ? '' : ` ${count(got.removed)} entries were deleted.`;
    terminal.line(
      `${terminal.paint('green', 'Done.')} From now on no process serves anything older.${gone} (sequence ${got.sequence})`,
    );
  }
  if (!got.durable) throw notTaken(session);
}

function notTaken({ refusal }: Session): Failure {
  return new Failure(`Nothing was invalidated: ${refusal() ?? 'Redis could not be reached'}`);
}
