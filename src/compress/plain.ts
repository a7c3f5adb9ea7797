import { LRUCache } from 'lru-cache';
import type { Forms, ResponseEntry } from '../entry/entry.js';
import { after, type MaybePromise } from '../types.js';
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

/** A body in its forms, and as it is. */
interface Known<T> {
  readonly packed: Buffer;
  readonly plain: T;
}

/**
 * Entries with their plain bodies, made where a client needs one. They are known by their forms: memory gives an entry as
 * another object each time, with the same forms.
 */
export class PlainEntries {
  readonly #kept = new LRUCache<Forms, Known<Buffer>>({
    maxSize: MOST_BYTES,
    sizeCalculation: ({ packed, plain }) => 1000 + packed.length + plain.length,
  });
  readonly #underWay = new Map<Forms, Known<Promise<Buffer>>>();

  /** Rejects where the body cannot be had. */
  of(entry: ResponseEntry): MaybePromise<ResponseEntry> {
    const { forms } = entry;
    return forms === undefined ? entry : after(this.#bodyOf(entry, forms), (body) => unpacked(entry, body));
  }

  #bodyOf(entry: ResponseEntry, forms: Forms): MaybePromise<Buffer> {
    const known = this.#kept.get(forms) ?? this.#underWay.get(forms);
    // Read from Redis, another body of the very same length may have the same forms.
    if (known?.packed.equals(entry.body)) return known.plain;
    const packed = entry.body;
    const plain = plainBody(entry)
      .then((body) => {
        this.#kept.set(forms, { packed, plain: body });
        return body;
      })
      .finally(() => this.#underWay.delete(forms));
    this.#underWay.set(forms, { packed, plain });
    return plain;
  }
}
