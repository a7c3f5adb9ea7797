import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';
import { Presets, SingleBar } from 'cli-progress';
import { EXIT, Failure } from './failure.js';

/** Where a command reads and writes: a process' own streams, or those of a test. */
export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly rows?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
}

type Style = Parameters<typeof styleText>[0];

/** What a command writes: tables and sentences for people, or one JSON document for programs. */
export class Terminal {
  readonly streams: Streams;
  readonly json: boolean;
  readonly #colors: boolean;
  #broken = false;

  constructor(streams: Streams, options: { readonly json?: boolean; readonly color?: boolean }) {
    this.streams = streams;
    this.json = options.json ?? false;
    // https://no-color.org: present and not empty.
    this.#colors = streams.stdout.isTTY === true && !streams.env.NO_COLOR && options.color !== false && !this.json;
    // A process' own stream is never `destroyed`.
    streams.stdout.once('error', () => {
      this.#broken = true;
    });
  }

  /** Whether anybody may still read what is written. */
  get read(): boolean {
    return !this.#broken && !this.streams.stdout.destroyed;
  }

  /** Whether somebody sits before it. */
  get interactive(): boolean {
    return this.streams.stdin.isTTY === true && this.streams.stderr.isTTY === true;
  }

  line(text = ''): void {
    this.streams.stdout.write(`${text}\n`);
  }

  /** The one document of a command that was asked for JSON. */
  document(value: unknown): void {
    this.line(visibleJson(value, 2));
  }

  paint(style: Style, text: string): string {
    // Whether the stream is a terminal is known already.
    return this.#colors ? styleText(style, text, { validateStream: false }) : text;
  }

  /** Rows under heads, in columns as wide as they need; those whose head ends in `>` are set to the right. */
  table(heads: readonly string[], rows: readonly (readonly string[])[]): void {
    const right = heads.map((head) => head.endsWith('>'));
    const names = heads.map((head) => head.replace(/>$/, ''));
    const widths = names.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)));
    const set = (cells: readonly string[]) =>
      cells
        .map((cell, i) => (right[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
        .join('  ')
        .trimEnd();
    this.line(this.paint('bold', set(names)));
    for (const row of rows) this.line(set(row));
  }

  /** Asks before something that cannot be taken back. @throws {Failure} on a no, and where there is nobody to ask */
  async confirm(question: string, yes: boolean | undefined, signal: AbortSignal): Promise<void> {
    if (yes) return;
    if (!this.interactive) throw new Failure(`${question} Nobody can be asked here: say --yes.`, EXIT.usage);
    // Not as a terminal's editor, which would keep Ctrl-C from the process.
    const asking = createInterface({ input: this.streams.stdin, output: this.streams.stderr, terminal: false });
    try {
      // Ctrl-D ends the input, and no answer comes any more: that is no yes.
      const ended = once(asking, 'close').then(() => '');
      const answer = await Promise.race([asking.question(`${question} [y/N] `, { signal }), ended]);
      if (!/^y(es)?$/i.test(answer.trim())) throw new Failure('Nothing was done.');
    } finally {
      asking.close();
    }
  }

  /** A bar on a terminal, and nothing elsewhere. */
  progress(what: string): Progress {
    return new Progress(this.streams.stderr.isTTY === true && !this.json ? this.streams.stderr : undefined, what);
  }
}

/** How far something is that takes its time. */
export class Progress {
  readonly #bar: SingleBar | undefined;
  #begun = false;

  constructor(stream: Writable | undefined, what: string) {
    if (stream === undefined) return;
    const options = { stream: stream as NodeJS.WritableStream, hideCursor: true, clearOnComplete: true };
    const format = `${what} {bar} {percentage}% {value}/{total} {note}`;
    this.#bar = new SingleBar({ ...options, format, etaBuffer: 50 }, Presets.shades_classic);
  }

  set(done: number, total: number, note = ''): void {
    if (!this.#begun) this.#bar?.start(total, done, { note });
    this.#begun = true;
    this.#bar?.setTotal(total);
    this.#bar?.update(done, { note });
  }

  end(): void {
    if (this.#begun) this.#bar?.stop();
  }
}

/**
 * A text from elsewhere, as a terminal may be given it: what would move its cursor, change its colours or turn its
 * direction is written out.
 */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (char) => {
    const code = char.codePointAt(0)!;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** JSON, in which the same is escaped. */
export function visibleJson(value: unknown, space?: number): string {
  const escaped = (char: string) =>
    Array.from({ length: char.length }, (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');
  // JSON itself leaves no other control character than the line ends between its parts.
  return JSON.stringify(value, null, space).replace(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escaped);
}

/** `1,234,567`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let left = value;
  for (; left >= 1024 && unit < units.length - 1; unit++) left /= 1024;
  return `${unit === 0 ? left : left.toFixed(1)} ${units[unit]}`;
}

/** Two digits; a dash for nothing. */
export function ms(value: number): string {
  if (value === 0) return '–';
  // Two digits of what is rounded to 100 would be 1.0e+2.
  return value >= 99.5 ? `${Math.round(value)} ms` : `${value.toPrecision(2)} ms`;
}

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const;

/** A time span, in its largest unit and the next: `1 h 5 min`. */
export function span(seconds: number): string {
  let left = Math.round(Math.abs(seconds));
  const largest = UNITS.findIndex(([, size]) => left >= size);
  if (largest < 0) return '0 s';
  const parts = UNITS.slice(largest, largest + 2).map(([unit, size]) => {
    const times = Math.floor(left / size);
    left %= size;
    return times === 0 ? '' : `${times} ${unit}`;
  });
  return parts.join(' ').trimEnd();
}
