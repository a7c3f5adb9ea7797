import { plainTags } from '../compress/tags.js';
import type { Coding } from '../entry/entry.js';
import { fieldText } from '../http/headers.js';
import type { RequestView } from '../request/request.js';
import type { Fields } from '../types.js';
import { type Conditions, conditionsOf } from './conditional.js';

/** The fields of a request that a handler is not shown while it makes the whole answer. */
const CONDITIONS = ['if-none-match', 'if-modified-since'] as const;
/** Those by which a client asks for a part, or for a difference (RFC 3229) from what it has. */
const LESS = ['range', 'if-range', 'a-im'] as const;
/** Those that name entity tags. Not `If-Range`: a client that has a part of a form is not to go on with the plain body. */
const TAGGED = ['if-match', 'if-none-match'] as const;

/** Validators that a handler is to compare with what it has (RFC 9111 §4.3.1). */
export interface Validators {
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

type Asking = Pick<RequestView, 'headers' | 'rawHeaders' | 'distinct'>;

/** The fields of a request before they were changed. */
interface AsItCame {
  readonly fields: Record<string, unknown>;
  readonly raw: readonly string[];
  readonly distinct: Record<string, unknown> | undefined;
  readonly lists: Record<string, unknown> | undefined;
}

/**
 * The conditions of a request, kept from its handler while it makes the whole answer: its 304 could not be stored, and
 * what the client asked is answered here. In their place the handler can be asked about a stored response.
 */
export class HeldConditions {
  readonly #request: Asking;
  readonly #headers: Record<string, unknown>;
  readonly #raw: string[];
  #asItCame: AsItCame | undefined;
  #held: Conditions | undefined;
  /** Whether the handler is asked about a stored response, in place of what the client asked. */
  asksHandler = false;

  constructor(request: Asking) {
    this.#request = request;
    this.#headers = request.headers as Record<string, unknown>;
    this.#raw = request.rawHeaders;
  }

  /** What the request asks, whether or not it is held at present. */
  get current(): Conditions | undefined {
    return this.#asItCame === undefined ? conditionsOf(this.#headers as Fields) : this.#held;
  }

  /** What is held. */
  get held(): Conditions | undefined {
    return this.#held;
  }

  /** The tags that the client has named, where the handler is shown others. */
  get named(): string | undefined {
    const fields = this.#asItCame?.fields;
    return fields && fieldText(fields as Fields, 'if-none-match');
  }

  /** Keeps the client's conditions from the handler; with validators, and its range, in favour of these. */
  take(validators?: Validators): void {
    this.giveBack();
    this.#held = this.current;
    if (this.#held === undefined && validators === undefined) return;
    const names = validators === undefined ? CONDITIONS : [...CONDITIONS, ...LESS];
    this.#keep();
    for (const name of names) this.#put(name, undefined);
    this.asksHandler = validators !== undefined;
    if (validators === undefined) return;
    this.#put('if-none-match', validators.etag);
    this.#put('if-modified-since', validators.lastModified);
  }

  /**
   * Shows the handler the tags that it has given, in place of those of compressed forms, which it does not know. `isRead`: whether
   * the client can read a form; by its 304 one that cannot would be left with it.
   */
  takePlainTags(isRead: (coding: Coding) => boolean = () => true): void {
    for (const name of TAGGED) {
      const list = fieldText(this.#headers as Fields, name);
      const plain = list && plainTags(list, name === 'if-match' ? () => true : isRead);
      if (plain === undefined || plain === list) continue;
      this.#keep();
      this.#put(name, plain);
    }
  }

  /** Layers further out, loggers above all, see the request as it came. */
  giveBack(): void {
    const before = this.#asItCame;
    if (before === undefined) return;
    this.#asItCame = undefined;
    this.asksHandler = false;
    for (const name of CONDITIONS) delete this.#headers[name];
    Object.assign(this.#headers, before.fields);
    const { distinct, lists } = before;
    if (distinct !== undefined) {
      for (const name of CONDITIONS) delete distinct[name];
      Object.assign(distinct, lists);
    }
    this.#raw.splice(0, this.#raw.length, ...before.raw);
  }

  #keep(): void {
    if (this.#asItCame !== undefined) return;
    // Node makes these of the raw ones when they are first read, which would fail once some of those are gone.
    const distinct = this.#request.distinct as Record<string, unknown> | undefined;
    const [fields, lists] = [only(this.#headers), distinct && only(distinct)];
    this.#asItCame = { fields, distinct, lists, raw: [...this.#raw] };
  }

  /** All forms in which Node gives the fields of a request: a handler that passes them on may use any. */
  #put(name: string, value: string | undefined): void {
    for (let i = this.#raw.length - 2; i >= 0; i -= 2) {
      if (this.#raw[i]!.toLowerCase() === name) this.#raw.splice(i, 2);
    }
    const distinct = this.#asItCame?.distinct;
    if (value === undefined) {
      delete this.#headers[name];
      delete distinct?.[name];
    } else {
      this.#headers[name] = value;
      if (distinct !== undefined) distinct[name] = [value];
      this.#raw.push(name, value);
    }
  }
}

/** The fields that are kept from a handler, or given to it in another form. */
function only(fields: Record<string, unknown>): Record<string, unknown> {
  const names = [...CONDITIONS, ...LESS, 'if-match'];
  return Object.fromEntries(names.flatMap((name) => (name in fields ? [[name, fields[name]]] : [])));
}
