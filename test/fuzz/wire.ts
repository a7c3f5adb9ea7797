// An HTTP/1.1 client on a raw socket: it sends any bytes, and reads what comes back to the letter.

import { connect } from 'node:net';

export interface WireAnswer {
  readonly version: string;
  readonly status: number;
  readonly lines: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  /** Whether the message came to its end. */
  readonly complete: boolean;
  /** Informational answers before it. */
  readonly hints: readonly number[];
}

/** What came of a connection. */
export interface Exchange {
  readonly answers: readonly WireAnswer[];
  /** What is no HTTP. */
  readonly rubbish: string | undefined;
  readonly end: 'answered' | 'closed' | 'aborted' | 'timeout';
}

export interface Sending {
  readonly bytes: Buffer;
  /** The methods of the requests in it, in their order. */
  readonly methods: readonly string[];
  /** Break off when so many bytes of the answers have come. */
  readonly abortAfter: number | undefined;
  /** ms. */
  readonly deadline: number;
}

export function exchange(port: number, { bytes, methods, abortAfter, deadline }: Sending): Promise<Exchange> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let received = Buffer.alloc(0);
    const finish = (end: Exchange['end']) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ ...parseAll(received, methods, end === 'closed'), end });
    };
    const timer = setTimeout(() => finish('timeout'), deadline);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (abortAfter !== undefined && received.length >= abortAfter) return finish('aborted');
      const { answers, rubbish } = parseAll(received, methods, false);
      if (rubbish !== undefined || (answers.length === methods.length && answers.at(-1)!.complete)) finish('answered');
    });
    socket.on('error', () => {});
    socket.on('close', () => finish('closed'));
    socket.on('connect', () => {
      socket.write(bytes);
      if (abortAfter === 0) setImmediate(() => finish('aborted'));
    });
  });
}

/** Reads as many answers as there are requests. The last one may be incomplete. */
function parseAll(bytes: Buffer, methods: readonly string[], closed: boolean): Omit<Exchange, 'end'> {
  const answers: WireAnswer[] = [];
  let at = 0;
  for (const method of methods) {
    const parsed = parseOne(bytes, at, method, closed);
    if (parsed === undefined) break;
    if (typeof parsed === 'string') return { answers, rubbish: parsed };
    answers.push(parsed.answer);
    at = parsed.end;
    if (!parsed.answer.complete) break;
  }
  return { answers, rubbish: undefined };
}

type Parsed = { readonly answer: WireAnswer; readonly end: number } | string | undefined;

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d) ([\t\x20-\x7e\x80-\xff]*)$/;
const FIELD_LINE =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[\t ]*$/;

function parseOne(bytes: Buffer, start: number, method: string, closed: boolean): Parsed {
  const hints: number[] = [];
  for (let at = start; ; ) {
    const headEnd = bytes.indexOf('\r\n\r\n', at);
    if (headEnd < 0) return undefined;
    const [first, ...rest] = bytes.toString('latin1', at, headEnd).split('\r\n');
    const status = STATUS_LINE.exec(first!);
    if (status === null) return `status line ${JSON.stringify(first)}`;
    const lines = rest.map((line) => FIELD_LINE.exec(line)).map((line) => line && ([line[1]!, line[2]!] as const));
    if (lines.includes(null)) return `a field line of ${JSON.stringify(rest)}`;
    const code = Number(status[2]);
    if (code >= 100 && code < 200 && code !== 101) {
      hints.push(code);
      at = headEnd + 4;
      continue;
    }
    const head = { version: `1.${status[1]}`, status: code, lines: lines as WireAnswer['lines'], hints };
    return parseBody(bytes, headEnd + 4, head, method, closed);
  }
}

type Head = Omit<WireAnswer, 'body' | 'complete'>;

/** RFC 9112 §6.3: where the body ends. */
function parseBody(bytes: Buffer, at: number, head: Head, method: string, closed: boolean): Parsed {
  const valuesOf = (name: string) =>
    head.lines.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
  const whole = (body: Buffer, end: number): Parsed => ({ answer: { ...head, body, complete: true }, end });
  const part = (body: Buffer): Parsed => ({ answer: { ...head, body, complete: false }, end: bytes.length });
  const lengths = valuesOf('content-length');
  const codings = valuesOf('transfer-encoding');
  if (lengths.length > 1 || (lengths.length > 0 && codings.length > 0)) return 'the length is told twice';
  if (method === 'HEAD' || head.status === 204 || head.status === 304) return whole(Buffer.alloc(0), at);
  if (codings.length > 0) return parseChunks(bytes, at, whole, part);
  if (lengths.length === 0) return closed ? whole(bytes.subarray(at), bytes.length) : part(bytes.subarray(at));
  if (!/^\d+$/.test(lengths[0]!)) return `Content-Length ${lengths[0]}`;
  const end = at + Number(lengths[0]);
  return end <= bytes.length ? whole(bytes.subarray(at, end), end) : part(bytes.subarray(at));
}

/** RFC 9112 §7.1. */
function parseChunks(
  bytes: Buffer,
  start: number,
  whole: (body: Buffer, end: number) => Parsed,
  part: (body: Buffer) => Parsed,
): Parsed {
  const chunks: Buffer[] = [];
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return part(Buffer.concat(chunks));
    const line = bytes.toString('latin1', at, lineEnd);
    if (!/^[0-9a-fA-F]+$/.test(line)) return `a chunk of the size ${JSON.stringify(line.slice(0, 40))}`;
    const size = Number.parseInt(line, 16);
    at = lineEnd + 2;
    if (size === 0) {
      const trailersEnd = bytes.indexOf('\r\n', at) === at ? at : bytes.indexOf('\r\n\r\n', at) + 2;
      if (trailersEnd < at) return part(Buffer.concat(chunks));
      return whole(Buffer.concat(chunks), trailersEnd + 2);
    }
    if (bytes.length < at + size + 2) return part(Buffer.concat([...chunks, bytes.subarray(at, at + size)]));
    chunks.push(bytes.subarray(at, at + size));
    if (bytes.toString('latin1', at + size, at + size + 2) !== '\r\n') return 'a chunk that does not end';
    at += size + 2;
  }
}
