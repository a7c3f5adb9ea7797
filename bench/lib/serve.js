// The contenders' side of the talk with the bench.

import { writeFileSync } from 'node:fs';
import { createServer, Server } from 'node:http';
import { Session } from 'node:inspector/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { payload } from './traffic.js';

// The bench is done, or gone, which can be before this process has begun.
process.on('disconnect', () => process.exit());
if (process.connected === false) process.exit();

/** What the bench wants of this process; `bench/scenes/` says what it can be. */
export const wanted = JSON.parse(process.argv[2]);
export const body = payload(wanted.size ?? 1024);
/** What a handler would have made its body of. */
export const data = JSON.parse(body.toString());

/** How long a handler takes that a crowd waits for, and one that has to ask somebody else, ms. */
const TAKES = { stampede: 100, await: 1 };
let runs = 0;

/** What every handler awaits before it answers, if this is defined: in a stampede it is slow, and counted. */
export const slowly = slowHandler(TAKES[wanted.does] ?? TAKES[wanted.handler]);

function slowHandler(ms) {
  if (ms === undefined) return undefined;
  return () => {
    runs++;
    return sleep(ms);
  };
}

/** Listens on a free port, tells it, and then does what the bench asks. `more`: questions of this contender's own. */
export function serve(listener, more = {}) {
  const server = listener instanceof Server ? listener : createServer(listener);
  server.listen(0, '127.0.0.1', () => begin(server.address().port, more));
}

/** Tells the bench where to ask, and answers its questions. */
export function begin(port, more = {}) {
  const questions = { ...QUESTIONS, ...more };
  process.on('message', async (question) => process.send((await questions[question]()) ?? {}));
  process.send({ port });
}

/** Ends this contender, with a reason: the build under test, or this machine, cannot do what is wanted. */
export function unavailable(reason) {
  process.send({ unavailable: reason }, () => process.exit());
  return new Promise(() => {});
}

let profiler;
const QUESTIONS = {
  /** CPU time of the whole process so far, in microseconds. */
  cpu() {
    const { user, system } = process.cpuUsage();
    return { cpu: user + system };
  },
  /** Bytes that are in use when everything else is collected. */
  memory() {
    for (let i = 0; i < 4; i++) globalThis.gc();
    const { heapUsed, external } = process.memoryUsage();
    return { bytes: heapUsed + external };
  },
  runs() {
    return { runs };
  },
  async startProfile() {
    profiler = new Session();
    profiler.connect();
    await profiler.post('Profiler.enable');
    await profiler.post('Profiler.setSamplingInterval', { interval: 500 });
    await profiler.post('Profiler.start');
  },
  async writeProfile() {
    const { profile } = await profiler.post('Profiler.stop');
    writeFileSync(wanted.profile, JSON.stringify(profile));
  },
};
