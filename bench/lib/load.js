// The closed loop: each connection asks again as soon as its answer is there.

import { setTimeout as sleep } from 'node:timers/promises';
import { withConnections } from './connections.js';

/**
 * Asks `port` for so many seconds over so many connections (or until there were `most` answers, and at least until there were `least`), and checks each answer.
 * Resolves with how many there were, in how many seconds, how many did not have their mark, and, if there is somebody to ask for it,
 * how much CPU time one took, in µs. What is answered in the first `leadIn` seconds is checked, and counted apart, as `led`. Rejects
 * at a wrong answer.
 *
 * @param {number} port
 * @param {{ connections: number, seconds: number, leadIn?: number, most: number, least?: number, awake: boolean, request: () => string | Buffer, expected: object, ask?: (question: 'cpu') => Promise<{ cpu?: number }> }} job
 */
export function applyLoad(port, job) {
  return withConnections(port, job, async (connections) => {
    const { leadIn = 0, seconds, ask } = job;
    const result = { answers: 0, unmarked: 0 };
    // Set as counting begins: who stands still in the lead-in tells its CPU time late, and has its whole turn after that.
    const end = { at: Number.POSITIVE_INFINITY };
    const begin = async () => {
      const cpu = (await ask?.('cpu'))?.cpu;
      const at = performance.now();
      end.at = at + seconds * 1000;
      return { ...result, cpu, at };
    };
    // Opening and closing connections is no part of what an answer takes.
    const atOnce = leadIn > 0 ? undefined : await begin();
    const conversing = Promise.all(connections.map((connection) => converse(connection, job, end, result)));
    const beginning = leadIn > 0 ? sleep(leadIn * 1000).then(begin) : atOnce;
    const [begun] = await Promise.all([beginning, conversing]);
    const took = (performance.now() - begun.at) / 1000;
    const answers = result.answers - begun.answers;
    const load = { answers, led: begun.answers, unmarked: result.unmarked - begun.unmarked, seconds: took };
    return begun.cpu === undefined ? load : { ...load, cpu: ((await ask('cpu')).cpu - begun.cpu) / answers };
  });
}

/** Asks again and again over one connection, until the time is over. */
function converse(connection, { most, least = 0, request }, end, result) {
  return new Promise((resolve, reject) => {
    connection.listen((marked, error) => {
      if (error !== undefined) return reject(error);
      result.answers++;
      if (!marked) result.unmarked++;
      const goesOn = result.answers < most && (performance.now() < end.at || result.answers < least);
      if (goesOn) connection.send(request());
      else resolve();
    });
    connection.send(request());
  });
}
