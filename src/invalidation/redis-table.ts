import { randomBytes } from 'node:crypto';
import { endianness } from 'node:os';
import { bucketsOf, type Geometry, type Purge, PurgeTable } from './purge-table.js';
import { TABLE_HEADER } from './redis-scripts.js';
import { tenantTag } from './tags.js';

/** The ledger's head as Redis holds it: `<epoch>:<sequence>`; the epoch begins with the table's geometry. */
export interface Head {
  readonly epoch: string;
  readonly sequence: number;
}

export function parseHead(text: string): Head | undefined {
  const colon = text.lastIndexOf(':');
  const sequence = Number(text.slice(colon + 1));
  return colon > 0 && Number.isSafeInteger(sequence) ? { epoch: text.slice(0, colon), sequence } : undefined;
}

/** The sequence at which an epoch began: the last part of its name. */
export function epochStart(epoch: string): number {
  return Number(epoch.slice(epoch.lastIndexOf('.') + 1));
}

/** A name for a new epoch, `<rows>.<bits>.<patterns>.<random>`; Redis adds the sequence at which it begins. */
export function newEpoch({ rows, bits, patterns }: Geometry): string {
  return `${rows}.${bits}.${patterns}.${randomBytes(6).toString('hex')}`;
}

/** How many bytes the snapshot of a table takes in Redis at the most: once its last bucket is written. */
function tableBytes({ rows, bits }: Geometry): number {
  return TABLE_HEADER + (rows << bits) * 8;
}

/** How many purges the log in Redis keeps, about; a process further behind reads the table instead. */
const LOG_LENGTH = 10_000;
/** Where purges are long it keeps fewer: about this many characters of all together. */
const LOG_SIZE = 8_388_608;

/** The arguments with which the APPEND script enters a purge. */
export function appendArguments(table: PurgeTable, purge: Purge): (string | number)[] {
  const { geometry } = table;
  const offsets = (tag: string) => bucketsOf(tag, geometry).map((index) => TABLE_HEADER + index * 8);
  const tags = [...new Set(purge.tags.flatMap(offsets))];
  const patterns = purge.patterns.flatMap((each) => [offsets(tenantTag(each.tenant)).join(','), JSON.stringify(each)]);
  const record = JSON.stringify({ tags: purge.tags, patterns: purge.patterns });
  const logLength = Math.min(LOG_LENGTH, Math.ceil(LOG_SIZE / record.length));
  const bounds = [logLength, geometry.patterns, tableBytes(geometry)];
  return [table.epoch, table.sequence, record, ...bounds, tags.length, ...tags, ...patterns];
}

/** A table from its snapshot in Redis; `undefined` if the parts do not belong together. */
export function readSnapshot(head: Head, snapshot: Buffer, list: readonly string[]): PurgeTable | undefined {
  const [rows, bits, patterns] = head.epoch.split('.').map(Number);
  if (!rows || !bits || !patterns || snapshot.length < TABLE_HEADER || snapshot.length % 8 !== 0) return undefined;
  if (snapshot.length > tableBytes({ rows, bits, patterns })) return undefined;
  if (snapshot.readDoubleBE(0) !== head.sequence || snapshot.readDoubleBE(8) !== list.length) return undefined;
  const buckets = snapshot.length > TABLE_HEADER ? readBuckets(snapshot, rows << bits) : undefined;
  const kept = list.map(readPattern);
  return new PurgeTable(head.epoch, head.sequence, { rows, bits, patterns }, buckets, kept);
}

/** What stands behind the last one that has been written is 0. */
function readBuckets(snapshot: Buffer, size: number): Float64Array {
  const buckets = new Float64Array(size);
  const written = Buffer.from(buckets.buffer, 0, snapshot.length - TABLE_HEADER);
  snapshot.copy(written, 0, TABLE_HEADER);
  if (endianness() === 'LE') written.swap64();
  return buckets;
}

/** One line of the list of patterns: `<sequence> <buckets> <JSON>`. */
function readPattern(line: string): { tenant: string; glob: string; sequence: number } {
  const [sequence, , ...json] = line.split(' ');
  return { ...(JSON.parse(json.join(' ')) as { tenant: string; glob: string }), sequence: Number(sequence) };
}
