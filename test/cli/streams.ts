import { PassThrough } from 'node:stream';
import { run } from '../../adapters/cli/program.js';

/** What a command has come to. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** The one document of a command that was asked for JSON. */
  json<T>(): T;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What is typed; with it, the streams are a terminal's. */
  readonly typed?: string;
  readonly tty?: boolean;
  readonly signal?: AbortSignal;
}

/** Runs a command line in this process. */
export async function cli(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { env = {}, typed, tty = typed !== undefined, signal = new AbortController().signal } = options;
  const stream = () => Object.assign(new PassThrough(), { isTTY: tty });
  const [stdin, stdout, stderr] = [stream(), stream(), stream()];
  if (typed !== undefined) stdin.write(typed);
  const code = await run(args, { stdin, stdout, stderr, env }, signal);
  const text = ({ readableLength }: PassThrough, from: PassThrough) =>
    readableLength === 0 ? '' : String(from.read());
  const [out, err] = [text(stdout, stdout), text(stderr, stderr)];
  return { code, out, err, json: () => JSON.parse(out) };
}
