// Reads the answers of a connection, piece by piece, and checks them.

import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';

const HEAD_END = '\r\n\r\n';
const LAST_CHUNK = '\r\n0\r\n\r\n';
/** Bodies up to so many bytes are compared byte for byte in every answer; of larger ones each `SAMPLE`th, and the first. */
const CHEAP = 4096;
const SAMPLE = 16;
const DECODERS = { gzip: gunzipSync, br: brotliDecompressSync, deflate: inflateSync };

/**
 * One answer after the other on one connection; one request is under way at a time. Status and length of every answer
 * are checked; its bytes as `CHEAP` says. A compressed answer is decoded where it is compared.
 */
export class AnswerReader {
  /** What the last whole answer had: the `mark`, or all if there is none to have. */
  marked = false;
  #expected;
  #status;
  /** The field of the length as the last answer had it. Finding it again is cheaper than any parsing. */
  #lengthField = '\r\nContent-Length: -\r\n';
  #length = 0;
  #pending;
  /** Undefined while the head is read. */
  #left;
  #encoding;
  #tail = '';
  #pieces;
  #count = 0;

  /** @param {{ status?: number, body: Buffer, mark?: string, encoded?: boolean }} expected `encoded`: unmarked unless compressed */
  constructor(expected) {
    this.#expected = expected;
    this.#status = `HTTP/1.1 ${expected.status ?? 200} `;
  }

  /** Takes the next bytes, which are the caller's again afterwards. True with the last ones of an answer. @throws for a wrong one */
  push(bytes) {
    if (this.#left !== undefined) return this.#takeBody(bytes);
    const data = this.#pending === undefined ? bytes : Buffer.concat([this.#pending, bytes]);
    const end = data.indexOf(HEAD_END);
    if (end < 0) {
      this.#pending = Buffer.from(data);
      return false;
    }
    this.#pending = undefined;
    this.#takeHead(data.latin1Slice(0, end + 2));
    return this.#takeBody(data.subarray(end + HEAD_END.length));
  }

  #takeHead(head) {
    const { mark = '', encoded = false, body } = this.#expected;
    if (!head.startsWith(this.#status))
      throw new Error(`not "${this.#status}", but "${head.slice(0, head.indexOf('\r\n'))}":\n${head}`);
    this.#encoding = encoded ? /\r\ncontent-encoding: (\w+)/i.exec(head)?.[1] : undefined;
    this.marked = head.includes(mark) && (!encoded || this.#encoding !== undefined);
    this.#left = this.#expected.status === 304 ? 0 : this.#lengthOf(head);
    if (this.#encoding === undefined && this.#left !== body.length && this.#expected.status !== 304) {
      throw new Error(`a length of ${this.#left} instead of ${body.length}:\n${head}`);
    }
    const compares = body.length <= CHEAP || this.#count % SAMPLE === 0;
    this.#pieces = compares && this.#left !== 0 ? [] : undefined;
    this.#tail = '';
    this.#count++;
  }

  /** Infinity for a body in chunks. */
  #lengthOf(head) {
    if (head.includes(this.#lengthField)) return this.#length;
    const [field, digits] = /\r\ncontent-length: (\d+)\r\n/i.exec(head) ?? [];
    if (field === undefined)
      return /\r\ntransfer-encoding: chunked\r\n/i.test(head) ? Number.POSITIVE_INFINITY : Number.NaN;
    this.#lengthField = field;
    this.#length = Number(digits);
    return this.#length;
  }

  #takeBody(bytes) {
    if (bytes.length > this.#left) throw new Error(`${bytes.length - this.#left} bytes more than the length says`);
    this.#left -= bytes.length;
    if (this.#pieces !== undefined && bytes.length > 0) {
      // The last piece is compared at once; the buffer of an earlier one is used again for the next.
      this.#pieces.push(this.#left === 0 ? bytes : Buffer.from(bytes));
    }
    if (this.#left === Number.POSITIVE_INFINITY) {
      this.#tail = (this.#tail + bytes.latin1Slice(Math.max(0, bytes.length - LAST_CHUNK.length))).slice(
        -LAST_CHUNK.length,
      );
      if (this.#tail !== LAST_CHUNK) return false;
      if (this.#pieces !== undefined) this.#pieces = [unchunked(Buffer.concat(this.#pieces))];
    } else if (this.#left > 0) return false;
    this.#compare();
    this.#left = undefined;
    return true;
  }

  #compare() {
    if (this.#pieces === undefined) return;
    const whole = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
    const decoded = this.#encoding === undefined ? whole : DECODERS[this.#encoding](whole);
    if (!decoded.equals(this.#expected.body)) throw new Error('other bytes');
  }
}

/** The body of an answer in chunks (RFC 9112 §7.1). */
function unchunked(bytes) {
  const pieces = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.latin1Slice(at, end), 16);
    if (size === 0) return Buffer.concat(pieces);
    pieces.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}
