// The closed loop: each connection asks again as soon as its answer is there.

import { withConnections } from './connections.js';

/**
 * Asks `port` for so many seconds over so many connections (or until there were `most` answers, and at least until there were `least`), and checks each answer.
 * Resolves with how many there were, in how many seconds, how many did not have their mark, and, if there is somebody to ask for it,
 * how much CPU time one took, in µs. Rejects at a wrong answer.
 *
 * @param {number} port
 * @param {{ connections: number, seconds: number, most: number, least?: number, awake: boolean, request: () => string | Buffer, expected: object, ask?: (question: 'cpu') => Promise<{ cpu?: number }> }} job
 */
export function applyLoad(port, job) {
  return withConnections(port, job, async (connections) => {
    const result = { answers: 0, unmarked: 0, seconds: 0 };
    // Opening and closing connections is no part of what an answer takes.
    const { cpu: before } = (await job.ask?.('cpu')) ?? {};
    const start = performance.now();
    const until = start + job.seconds * 1000;
    await Promise.all(connections.map((connection) => converse(connection, job, until, result)));
    result.seconds = (performance.now() - start) / 1000;
    if (before !== undefined) result.cpu = ((await job.ask('cpu')).cpu - before) / result.answers;
    return result;
  });
}

/** Asks again and again over one connection, until the time is over. */
function converse(connection, { most, least = 0, request }, until, result) {
  return new Promise((resolve, reject) => {
    connection.listen((marked, error) => {
      if (error !== undefined) return reject(error);
      result.answers++;
      if (!marked) result.unmarked++;
      const goesOn = result.answers < most && (performance.now() < until || result.answers < least);
      if (goesOn) connection.send(request());
      else resolve();
    });
    connection.send(request());
  });
}
