#!/usr/bin/env node
import { run } from './program.js';

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
process.once('SIGTERM', () => interrupted.abort());
// Whoever reads has had enough: `respcache keys | head`. What lists things looks whether anybody still does.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });

process.exitCode = await run(process.argv.slice(2), process, interrupted.signal);
// An application that was run here may keep timers and connections of its own, which nobody would end. First all is written.
for (const stream of [process.stdout, process.stderr])
  if (!stream.destroyed) await new Promise((written) => stream.write('', written));
process.exit();
