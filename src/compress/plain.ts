import { LRUCache } from 'lru-cache';
import type { ResponseEntry } from '../entry/entry.js';
import { codecOf } from './codings.js';
import { formOf, unpacked } from './forms.js';

/**
 * The body of an entry as its handler gave it.
 * @throws {Error} where this Node knows none of the forms, or the one that it knows is damaged
 */
export async function plainBody(entry: ResponseEntry): Promise<Buffer> {
  const { forms, body } = entry;
  if (forms === undefined) return body;
  const codec = forms.list.map(({ coding }) => codecOf(coding)).find((each) => each !== undefined);
  if (codec === undefined) throw new Error(`no codec of this Node's for ${forms.list.map(({ coding }) => coding)}`);
  const plain = await codec.decompress(formOf(entry, codec.coding), forms.plainBytes);
  if (plain.length !== forms.plainBytes) throw new Error(`a body of ${plain.length} bytes for ${forms.plainBytes}`);
  return plain;
}

/** Bytes of entries that are kept in both ways, for clients that read no form; the least recently used leaves first. */
const MOST_BYTES = 16 * 1024 * 1024;

/** Entries with their plain bodies, made where a client needs one. */
export class PlainEntries {
  readonly #kept = new LRUCache<ResponseEntry, ResponseEntry>({
    maxSize: MOST_BYTES,
    sizeCalculation: (plain, { body }) => 1000 + body.length + plain.body.length,
  });
  readonly #underWay = new Map<ResponseEntry, Promise<ResponseEntry>>();

  /** Rejects where the body cannot be had. */
  of(entry: ResponseEntry): Promise<ResponseEntry> | ResponseEntry {
    return this.#kept.get(entry) ?? this.#underWay.get(entry) ?? this.#make(entry);
  }

  #make(entry: ResponseEntry): Promise<ResponseEntry> {
    const making = plainBody(entry)
      .then((body) => {
        const plain = unpacked(entry, body);
        this.#kept.set(entry, plain);
        return plain;
      })
      .finally(() => this.#underWay.delete(entry));
    this.#underWay.set(entry, making);
    return making;
  }
}
