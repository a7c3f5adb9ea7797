// The examples of a page, run as a user runs them: each as a process of its own, on the built package.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, vi } from 'vitest';
import { freePort } from '../support/port.js';

/** An example that has been started. */
export interface Started {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  stdout: string;
  stderr: string;
}

export class Snippets {
  /** The examples by their names: each stands behind a comment that has its name. */
  readonly code: ReadonlyMap<string, string>;
  // Inside the project, where Node finds the package under its own name, and not where Vitest maps names to sources.
  readonly #folder = mkdtempSync(fileURLToPath(new URL('.snippets-', import.meta.url)));
  readonly #started: { readonly name: string; readonly what: Started }[] = [];

  constructor(page: string) {
    const found = page.matchAll(/<!-- snippet: (\w+) -->\n```js\n(.*?)```/gs);
    this.code = new Map([...found].map((match) => [match[1]!, match[2]!]));
  }

  start(name: string, env: Record<string, string> = {}): Started {
    const file = join(this.#folder, `${name}.mjs`);
    writeFileSync(file, this.code.get(name)!);
    const { REDIS_URL: _url, REDIS_HOST: _host, ...clean } = process.env;
    const child = spawn(process.execPath, [file], { env: { ...clean, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const started: Started = { child, stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]!.setEncoding('utf8').on('data', (text: string) => {
        started[name] += text;
      });
    }
    this.#started.push({ name, what: started });
    return started;
  }

  /** Runs an example to its end, which is a good one, and gives what it has printed. */
  async run(name: string, env: Record<string, string> = {}): Promise<string> {
    const started = this.start(name, env);
    const [code] = (await once(started.child, 'close')) as [number];
    expect(code, started.stdout + started.stderr).toBe(0);
    return started.stdout;
  }

  /** What an example that was started last under this name has printed so far. */
  output(name: string): string {
    return this.#started.findLast((each) => each.name === name)?.what.stdout ?? '';
  }

  /** Starts an example that serves on `PORT`, and waits until it answers. */
  async serve(name: string, env: Record<string, string> = {}): Promise<Started & { readonly address: string }> {
    for (let attempt = 0; ; attempt++) {
      const port = await freePort();
      const started = this.start(name, { PORT: String(port), ...env });
      const address = `http://127.0.0.1:${port}`;
      try {
        await vi.waitFor(
          async () => {
            expect(started.child.exitCode, started.stderr).toBeNull();
            await fetch(`${address}/nowhere`);
          },
          { timeout: 15_000, interval: 50 },
        );
        return Object.assign(started, { address });
      } catch (error) {
        // Somebody's connection has taken the port meanwhile.
        if (attempt === 3 || !started.stderr.includes('EADDRINUSE')) throw error;
      }
    }
  }

  /** Ends whatever still runs. */
  close(): void {
    for (const { what } of this.#started) what.child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
