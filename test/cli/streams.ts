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
  const [out, err] = [textOf(stdout), textOf(stderr)];
  return { code, out, err, json: () => JSON.parse(out) };
}

/** What was written so far. A read gives all of it, or from Node 26 on a piece. */
function textOf(stream: PassThrough): string {
  let text = '';
  for (let piece = stream.read(); piece !== null; piece = stream.read()) text += piece;
  return text;
}
