import { inspect } from 'node:util';
import { unpacked } from '../../src/compress/forms.js';
import { plainBody } from '../../src/compress/plain.js';
import type { Entry, ResponseEntry } from '../../src/entry/entry.js';
import { deserializeValue } from '../../src/entry/value.js';
import type { Explanation } from '../../src/explain/explanation.js';
import { fieldText } from '../../src/http/headers.js';
import { variantKey } from '../../src/http/vary.js';
import { matchesPattern } from '../../src/invalidation/pattern.js';
import {
  keySpace,
  normalizePattern,
  subjectOfKey,
  valueKey,
  valueNames,
  variantAddress,
} from '../../src/request/key.js';
import { escapeTenant } from '../../src/request/tenant.js';
import { EXIT, Failure } from './failure.js';
import type { Session } from './session.js';
import { bytes, span, type Terminal, visible } from './terminal.js';

export interface KeysOptions {
  readonly tenant?: string;
  readonly pattern?: string;
  readonly limit: number;
  readonly all?: boolean;
}

/** What is told of a key. */
interface Listed {
  readonly key: string;
  readonly kind: Entry['kind'];
  readonly status?: number;
  readonly bytes: number;
  /** Seconds. */
  readonly age: number;
  readonly keptFor: number | null;
  readonly tags: readonly string[];
  readonly name?: string;
  readonly valid: boolean;
}

/** `keys`: what is stored, as it is found, step by step; of each entry only the head is read. */
export async function keys({ cache, terminal, signal }: Session, options: KeysOptions): Promise<void> {
  const found: Listed[] = [];
  const show = (listed: Listed) => (terminal.json ? found.push(listed) : terminal.line(lineOf(terminal, listed)));
  const { backend, settings } = cache.services;
  const tenant = options.tenant === undefined ? undefined : escapeTenant(options.tenant);
  const now = Date.now();
  const pattern = options.pattern === undefined ? undefined : normalizePattern(options.pattern);
  let left = options.limit;
  let more = false;
  const steps = backend.store.scan(keySpace(settings.prefix, tenant), { heads: true })[Symbol.asyncIterator]();
  // One step at a time, each within a deadline; and no more of them when nobody reads on.
  scan: while (terminal.read) {
    signal.throwIfAborted();
    const step = await backend.maintain(() => steps.next());
    if (step.done) break;
    for (const { key, entry, bytes: size } of step.value.items) {
      const subject = subjectOfKey(settings.prefix, key, entry);
      const valid = backend.ledger.stands(subject, entry.asOf);
      if (!valid && !options.all) continue;
      if (pattern !== undefined && !subject.names.some((name) => matchesPattern(pattern, name))) continue;
      // Only the one beyond the last says that they are not all.
      more = left-- === 0;
      if (more) break scan;
      show(listedOf(key, entry, size, valid, now));
    }
  }
  if (terminal.json) terminal.document({ keys: found, complete: !more });
  else if (more) terminal.line(`… there are more than ${options.limit}: say --limit`);
}

function listedOf(key: string, entry: Entry, size: number, valid: boolean, now: number): Listed {
  return {
    key,
    kind: entry.kind,
    ...(entry.kind === 'response' ? { status: entry.status } : {}),
    ...(entry.kind === 'response' && entry.name !== undefined ? { name: entry.name } : {}),
    bytes: size,
    age: Math.round((now - entry.storedAt) / 1000),
    keptFor: entry.expiresAt === Number.POSITIVE_INFINITY ? null : Math.round((entry.expiresAt - now) / 1000),
    tags: entry.tags,
    valid,
  };
}

function lineOf(terminal: Terminal, { key, kind, status, bytes: size, age, keptFor, tags, valid }: Listed): string {
  const what = kind === 'response' ? String(status) : kind;
  const left = keptFor === null ? 'for ever' : `${span(keptFor)} left`;
  const dead = valid ? '' : ` ${terminal.paint('red', 'invalidated')}`;
  const tagged = tags.length === 0 ? '' : terminal.paint('dim', `  [${tags.map(visible).join(', ')}]`);
  return `${what.padEnd(8)} ${bytes(size).padStart(9)}  ${span(age)} old, ${left}${dead}  ${visible(key)}${tagged}`;
}

export interface GetOptions {
  readonly tenant?: string;
  readonly header?: readonly string[];
  readonly tenantHeader: string;
  readonly raw?: boolean;
}

/** `get`: a value of the API by its key, or the response to a URL, or whatever is under a key as `keys` shows it. */
export async function get(session: Session, name: string, options: GetOptions): Promise<void> {
  const { terminal } = session;
  const found = /^(?:\/|https?:\/\/)/i.test(name)
    ? await responseTo(session, name, options)
    : await readByKey(session, name, options.tenant);
  if (found === undefined || found.kind === 'index') throw new Failure(`Nothing valid is stored for ${visible(name)}.`);
  const entry = found.kind === 'response' ? unpacked(found, await plainBody(found)) : found;
  if (options.raw) return raw(terminal, entry.body);
  if (entry.kind !== 'response') return value(terminal, entry);
  if (terminal.json)
    return terminal.document({
      ...described(entry),
      body: bodyText(entry) ?? null,
      base64: entry.body.toString('base64'),
    });
  terminal.line(`${entry.status} ${visible(entry.message ?? '')}`.trim());
  for (const [field, text] of entry.headers) terminal.line(`${visible(field)}: ${visible(String(text))}`);
  terminal.line();
  terminal.line(
    bodyText(entry) === undefined
      ? `(${bytes(entry.body.length)} that are no text: say --raw)`
      : shown(bodyText(entry)!),
  );
}

/** A client's key of the API may look like one that `keys` shows (`client:7`): of a client it is taken for its key first. */
async function readByKey(session: Session, name: string, tenant: string | undefined): Promise<Entry | undefined> {
  const { prefix } = session.cache.settings;
  const shownByKeys = name.startsWith(keySpace(prefix));
  if (tenant === undefined && !shownByKeys)
    throw new Failure('A key of the API belongs to a client: say --tenant.', EXIT.usage);
  const key = tenant === undefined ? undefined : valueKey(prefix, escapeTenant(tenant), name);
  const found = key === undefined ? undefined : await read(session, key, valueNames(name));
  return found ?? (shownByKeys ? read(session, name) : undefined);
}

/** What is under a key, unless it was invalidated. `names`: what it is known as, where the key may be a hash and not tell. */
async function read({ cache }: Session, key: string, names?: readonly string[]): Promise<Entry | undefined> {
  const { backend, settings } = cache.services;
  const [entry] = await backend.read([key]);
  if (entry === undefined) return undefined;
  const told = subjectOfKey(settings.prefix, key, entry);
  const subject = names === undefined ? told : { ...told, names };
  return backend.ledger.stands(subject, entry.asOf) ? entry : undefined;
}

async function responseTo(session: Session, url: string, options: GetOptions): Promise<Entry | undefined> {
  const { key, entry: about, killedBy } = await explained(session, url, options);
  // Of a long URL the key is a hash, by which nobody can tell what was invalidated.
  if (key === undefined || about === undefined || killedBy !== undefined) return undefined;
  const base = await read(session, key);
  if (base?.kind !== 'index') return base;
  const headers = requestHeaders(options);
  const { policy } = session.cache.settings.route;
  for (const fields of base.varies) {
    const found = await read(session, variantAddress(key, variantKey(fields, headers, policy)));
    if (found !== undefined) return found;
  }
  return undefined;
}

export interface ExplainOptions extends GetOptions {
  readonly method?: string;
}

/** `explain`: what would happen to a request, and why. */
export async function explain(session: Session, url: string, options: ExplainOptions): Promise<void> {
  const { terminal } = session;
  const explanation = await explained(session, url, options);
  if (terminal.json) return terminal.document(explanation);
  const { outcome, reason, steps } = explanation;
  const style = outcome === 'hit' ? 'green' : outcome === 'stale' || outcome === 'revalidate' ? 'yellow' : 'red';
  terminal.line(terminal.paint(style, reason === undefined ? outcome : `${outcome} (${reason})`));
  for (const { ok, text } of steps)
    terminal.line(`  ${ok ? terminal.paint('green', '✓') : terminal.paint('red', '✗')} ${visible(text)}`);
}

async function explained({ cache }: Session, url: string, options: ExplainOptions): Promise<Explanation> {
  if (!/^(?:\/|https?:\/\/)/i.test(url))
    throw new Failure(`${visible(url)} is no URL: it takes a path, or http://…`, EXIT.usage);
  const headers = requestHeaders(options);
  const request = { url, headers, ...(options.method === undefined ? {} : { method: options.method.toUpperCase() }) };
  return cache.explain(request, { tenant: { header: options.tenantHeader } });
}

/** `Name: value` by `Name: value`, and the one that names the tenant. */
export function requestHeaders({ tenant, tenantHeader, header = [] }: GetOptions): Record<string, string> {
  const headers: Record<string, string> = tenant === undefined ? {} : { [tenantHeader.toLowerCase()]: tenant };
  for (const line of header) {
    const [, name, value] = /^([!#$%&'*+\-.^`|~\w]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined) throw new Failure(`--header is ${visible(line)}; it takes 'Name: value'`, EXIT.usage);
    headers[name.toLowerCase()] = value!;
  }
  return headers;
}

function raw(terminal: Terminal, body: Buffer): void {
  if (terminal.streams.stdout.isTTY && !isText(body))
    throw new Failure('That is no text: send it to a file.', EXIT.usage);
  terminal.streams.stdout.write(body);
}

function value(terminal: Terminal, entry: Exclude<Entry, ResponseEntry | { kind: 'index' }>): void {
  const content = entry.kind === 'counter' ? Number(entry.body.toString('latin1')) : deserializeValue(entry.body);
  if (!terminal.json) {
    const whole = { depth: null, maxArrayLength: null, maxStringLength: null };
    terminal.line(shown(inspect(content, { ...whole, colors: false })));
    return;
  }
  const plain = (_key: string, each: unknown) =>
    typeof each === 'bigint' ? `${each}n` : each instanceof Map || each instanceof Set ? [...each] : each;
  terminal.document({ kind: entry.kind, tags: entry.tags, value: JSON.parse(jsonOf(content, plain) ?? 'null') });
}

function jsonOf(content: unknown, plain: (key: string, each: unknown) => unknown): string | undefined {
  try {
    return JSON.stringify(content, plain);
  } catch {
    throw new Failure('The value refers to itself, which JSON cannot say: ask without --json.');
  }
}

function described({ status, message, headers, tags, name, storedAt, freshUntil, expiresAt }: ResponseEntry): object {
  return { status, message, headers, tags, name, storedAt, freshUntil, expiresAt };
}

/** The body, if it is text as it stands. */
function bodyText(entry: ResponseEntry): string | undefined {
  const fields = Object.fromEntries(entry.headers.map(([name, text]) => [name.toLowerCase(), String(text)]));
  return fieldText(fields, 'content-encoding') === undefined && isText(entry.body) ? entry.body.toString() : undefined;
}

function isText(body: Buffer): boolean {
  return !body.includes(0) && !body.toString().includes('\ufffd');
}

/** With its lines as they are. */
function shown(text: string): string {
  return text
    .split('\n')
    .map((line) => visible(line.replaceAll('\t', '    ')))
    .join('\n');
}
