import { Readable, Stream } from 'node:stream';
import type { Context } from 'koa';
import type { Whole } from '../../src/fill/response-head.js';
import type { HeaderBag } from '../../src/types.js';

/** What a Koa handler has left in `ctx.body`, in the form in which Koa itself will send it. */
export type Body = WholeBody | { readonly kind: 'stream'; readonly stream: () => Readable } | { readonly kind: 'none' };

const EMPTY: ReadonlySet<number> = new Set([204, 205, 304]);

/** What Koa takes off a response without a body as it sends it: whoever sets a body or a type after the status has set them. */
const OF_BODY: ReadonlySet<string> = new Set(['content-type', 'content-length', 'transfer-encoding']);

/** The head of a response as Koa will send it. That of a 304 speaks of what is stored, and is taken as it is. */
export function bagOf(ctx: Context): HeaderBag {
  const bag: HeaderBag = ctx.res;
  const { status } = ctx;
  if (status === 304 || !(EMPTY.has(status) || isNull(ctx))) return bag;
  return {
    getHeader: (name) => bag.getHeader(name),
    getHeaders: () => Object.fromEntries(Object.entries(bag.getHeaders()).filter(([name]) => !OF_BODY.has(name))),
    getRawHeaderNames: () => bag.getRawHeaderNames?.() ?? Object.keys(bag.getHeaders()),
    setHeader: (name, value) => bag.setHeader(name, value),
    removeHeader: (name) => bag.removeHeader(name),
  };
}

/** Reads the kind of a body; `undefined` for one that cannot be sent (Koa says why). */
export function bodyOf(ctx: Context): Body | undefined {
  const { body } = ctx;
  if (EMPTY.has(ctx.status) || isNull(ctx)) return whole(Buffer.alloc(0));
  if (body === null || body === undefined) return { kind: 'none' };
  if (typeof body === 'string') return new WholeBody(() => Buffer.from(body));
  if (Buffer.isBuffer(body)) return whole(body);
  if (isStream(ctx, body)) return { kind: 'stream', stream: () => body };
  // Koa has a way of its own of sending nothing: it is left to it.
  if (body instanceof Response && body.body === null && streamsWebBodies(ctx.app.response))
    return whole(Buffer.alloc(0));
  const web = webStream(ctx, body);
  if (web !== undefined) return { kind: 'stream', stream: web };
  return new WholeBody(() => JSON.stringify(body), true);
}

/** Whether its handler has said that there is no body: of itself Koa would send the status as a text. */
function isNull({ response }: Context): boolean {
  const { _explicitNullBody: said } = response as { _explicitNullBody?: boolean };
  return said === true && (response.body === null || response.body === undefined);
}

/**
 * Whether Koa sends it as a stream: one of Node's, and Koa 3 also what has all that it asks one for. Other objects may have a
 * `pipe`, too, and are sent as JSON.
 */
function isStream({ app }: Context, body: unknown): body is Readable {
  if (body instanceof Stream) return true;
  const { readable } = body as Partial<Readable>;
  if (readable !== true) return false;
  const { readableObjectMode, destroyed, pipe, read, destroy } = body as Partial<Readable>;
  if (![pipe, read, destroy].every((each) => typeof each === 'function')) return false;
  return [readableObjectMode, destroyed].every((each) => typeof each === 'boolean') && streamsWebBodies(app.response);
}

/** Has Koa send the text that is stored: it would ask the object once more, whose `toJSON` may say something else by then. */
export function sayText(ctx: Context, text: string): void {
  // Not `ctx.body`: it would take it for a text of another type.
  (ctx.response as unknown as { _body: unknown })._body = text;
  ctx.length = Buffer.byteLength(text);
}

/** What is made when it is first asked for: not at all, where the head says that nothing is stored. */
class WholeBody implements Whole {
  readonly kind = 'whole';
  readonly #make: () => Uint8Array | string;
  readonly #isJson: boolean;
  #bytes: Uint8Array | undefined;
  #text: string | undefined;

  constructor(make: () => Uint8Array | string, isJson = false) {
    this.#make = make;
    this.#isJson = isJson;
  }

  get length(): number {
    return this.bytes().byteLength;
  }

  bytes(): Uint8Array {
    if (this.#bytes === undefined) {
      const made = this.#make();
      if (this.#isJson) this.#text = made as string;
      this.#bytes = typeof made === 'string' ? Buffer.from(made) : made;
    }
    return this.#bytes;
  }

  /** What an object says as JSON, once its bytes have been asked for. */
  get json(): string | undefined {
    return this.#text;
  }
}

function whole(bytes: Uint8Array): Body {
  return new WholeBody(() => bytes);
}

/** Blob, ReadableStream and Response, which Koa 3 streams. Koa 2 knows nothing of them and sends the JSON `{}`. */
function webStream(ctx: Context, body: unknown): (() => Readable) | undefined {
  if (!(body instanceof Blob || body instanceof ReadableStream || body instanceof Response)) return undefined;
  if (!streamsWebBodies(ctx.app.response)) return undefined;
  if (body instanceof Blob) return () => Readable.from(body.stream());
  return () => Readable.from(body instanceof Response ? body.body! : body);
}

const known = new WeakMap<object, boolean>();

/**
 * Whether this Koa's response has the setter that takes web streams. Its version is not to be had from a context, and
 * what the setter does with such a body looks the same as what an application might have set itself: so its text decides.
 */
function streamsWebBodies(response: object): boolean {
  let answer = known.get(response);
  if (answer === undefined) {
    const setter = bodySetter(response);
    answer = setter !== undefined && /\bReadableStream\b/.test(String(setter));
    known.set(response, answer);
  }
  return answer;
}

function bodySetter(response: object): unknown {
  for (let each: object | null = response; each !== null; each = Object.getPrototypeOf(each)) {
    const descriptor = Object.getOwnPropertyDescriptor(each, 'body');
    if (descriptor !== undefined) return descriptor.set;
  }
  return undefined;
}
