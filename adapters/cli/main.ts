#!/usr/bin/env node
import { Failure } from './failure.js';
import { run, tell } from './program.js';

const interrupted = new AbortController();
// SIGHUP: the terminal, or the connection to it, is gone.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupted.abort());
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever reads has had enough: `respcache keys | head`. What lists things looks whether anybody still does.
    // EIO: of a terminal that is gone. What is at work then is broken off in good order.
    if (stream === process.stderr || error.code === 'EPIPE' || error.code === 'EIO') return;
    const failure = new Failure(`The output cannot be written: ${error.message}`);
    tell(failure, process, process.argv.includes('--json'));
    // Of what would follow a part was missing.
    process.exit(failure.code);
  });

process.exitCode = await run(process.argv.slice(2), process, interrupted.signal);
// An application that was run here may keep timers and connections of its own, which nobody would end. First all is written.
for (const stream of [process.stdout, process.stderr])
  if (!stream.destroyed) await new Promise((written) => stream.write('', written));
process.exit();
