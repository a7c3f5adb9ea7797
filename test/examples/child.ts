import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const at = (path: string) => fileURLToPath(new URL(`../../examples/${path}`, import.meta.url));

/** What of this process' environment would change what an example does. */
const OURS = /^(REDIS_|CACHE_|ADMIN_TOKEN$|PORT$|NO_COLOR$|FORCE_COLOR$)/;

/** An example as a process of its own, as a user starts it. It runs on the built package. */
export class Example {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly #closed: Promise<number | null>;

  constructor(file: string, args: readonly string[] = [], env: Record<string, string> = {}) {
    const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.test(name)));
    this.child = spawn(process.execPath, [at(file), ...args], { env: { ...inherited, ...env } });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.#closed = once(this.child, 'close').then(([code]) => code as number | null);
  }

  /** What it printed, without colours. */
  get plain(): string {
    return stripVTControlCharacters(this.stdout);
  }

  /** Waits for the end: the exit code, `null` after a signal that it did not listen to. */
  end(): Promise<number | null> {
    return this.#closed;
  }

  /** Waits until it has printed something that matches. */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.stdout);
      if (found !== null) return found;
      const over = await Promise.race([
        this.#closed.then(() => true),
        once(this.child.stdout!, 'data').then(() => false),
      ]);
      if (over) throw new Error(`it ended without printing ${pattern}:\n${this.stdout}\n${this.stderr}`);
    }
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}
