// The open loop: requests are due at a fixed rate, whether or not the answers to earlier ones are there. Each is timed from
// the moment when it was due, so that one that had to wait for a connection, because the contender stood still, is as
// late as its client would find it.

import { withConnections } from './connections.js';
import { quantile } from './spread.js';

/**
 * Asks `rate` times a second. Resolves with the 50th and 99th percentile of the times, in ms, and how many answers there
 * were, and how many had no mark. Those that are due in the first `leadIn` seconds are not timed.
 *
 * @param {number} port
 * @param {{ connections: number, seconds: number, leadIn?: number, rate: number, awake: boolean, request: () => string | Buffer, expected: object }} job
 */
export function applyRate(port, job) {
  return withConnections(
    port,
    job,
    (connections) => new Promise((resolve, reject) => pace(connections, job, resolve, reject)),
  );
}

function pace(connections, { rate, seconds, leadIn = 0, request }, resolve, reject) {
  const untimed = Math.floor(rate * leadIn);
  const total = untimed + Math.max(1, Math.floor(rate * seconds));
  const times = new Float64Array(total - untimed);
  const free = [...connections];
  const start = performance.now();
  const dueAt = (index) => start + (index * 1000) / rate;
  let sent = 0;
  let answers = 0;
  let timed = 0;
  let unmarked = 0;
  const send = () => {
    const now = performance.now();
    while (sent < total && free.length > 0 && dueAt(sent) <= now) {
      const connection = free.pop();
      connection.due = dueAt(sent++);
      connection.send(request());
    }
  };
  const done = () => {
    times.sort();
    resolve({ answers, unmarked, p50: quantile(times, 0.5), p99: quantile(times, 0.99) });
  };
  for (const connection of connections) {
    connection.listen((marked, error) => {
      if (error !== undefined) return reject(error);
      answers++;
      if (connection.due >= dueAt(untimed)) times[timed++] = performance.now() - connection.due;
      if (!marked) unmarked++;
      if (answers === total) return done();
      free.push(connection);
      send();
    });
  }
  const tick = () => {
    send();
    if (sent < total) setImmediate(tick);
  };
  tick();
}
