// Ends child processes whose parent could not: one that is killed by a signal has no 'exit' event, and that is how Vitest
// ends its workers.

import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';

/**
 * Is told, a line each, what runs (`+`, process id, directory to be removed) and what has exited (`-`, process id). When
 * its stdin ends its parent has died, and what still runs goes too.
 */
const SCRIPT = `
pids=' '
while read -r event pid dir; do
  case $event in
    +) pids="$pids$pid "; eval "dir$pid=\\$dir" ;;
    -) pids="\${pids%% $pid *} \${pids#* $pid }" ;;
  esac
done
for pid in $pids; do
  kill -9 "$pid"
  eval "dir=\\$dir$pid"
  if [ -n "$dir" ]; then rm -rf -- "$dir"; fi
done`;

/** A shell that waits beside this process, in a session of its own where Ctrl-C does not reach it. */
export class Reaper {
  readonly #told: Writable;

  constructor() {
    const shell = spawn('sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    this.#told = shell.stdin;
    // Should it have been killed, there is nobody to tell.
    this.#told.on('error', () => {});
    // It ends with this process, and does not keep it alive.
    shell.unref();
    (shell.stdin as Socket).unref();
  }

  /** `dir`: the directory that goes with it, or empty. */
  runs({ pid }: ChildProcess, dir: string): void {
    this.#told.write(`+ ${pid} ${dir}\n`);
  }

  hasExited({ pid }: ChildProcess): void {
    this.#told.write(`- ${pid}\n`);
  }

  /** Ends what still runs, as it does by itself once this process has died. */
  reap(): void {
    this.#told.end();
  }
}
