// The load: a closed loop, each connection asking again as soon as its answer is there. It writes and reads the bytes
// itself, which takes a fraction of what an HTTP client takes from the machine that it shares with the contender.

import { once } from 'node:events';
import { connect } from 'node:net';

/** How long after the end of a slice the last answers may take, ms. */
const PATIENCE = 5000;
const HEAD_END = '\r\n\r\n';

/**
 * Asks `port` for so many seconds over so many connections (or until there were `most` answers), and checks each answer: its status, its length, every
 * byte of its body. Resolves with how many there were, in how many seconds, and how many did not have the `mark`.
 *
 * `awake`: this process never sleeps meanwhile. Waking it would be the contender's work, in its system call, and the
 * more so the slower the contender is: each of its answers would find us asleep.
 * @typedef {{ connections: number, seconds: number, most: number, awake: boolean }} Loop
 * @param {Loop & { request: () => string, body: Buffer, mark: string }} job
 */
export async function applyLoad(port, job) {
  const sockets = await Promise.all(Array.from({ length: job.connections }, () => open(port)));
  const start = performance.now();
  const until = start + job.seconds * 1000;
  const result = { answers: 0, unmarked: 0, seconds: 0 };
  let working = true;
  const stayAwake = () => {
    if (working) setImmediate(stayAwake);
  };
  if (job.awake) stayAwake();
  const stuck = setTimeout(
    () => {
      for (const socket of sockets) socket.destroy(new Error('no answer'));
    },
    until - start + PATIENCE,
  );
  try {
    await Promise.all(sockets.map((socket) => converse(socket, job, until, result)));
    result.seconds = (performance.now() - start) / 1000;
    return result;
  } finally {
    working = false;
    clearTimeout(stuck);
    for (const socket of sockets) socket.destroy();
  }
}

async function open(port) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

/** Asks again and again over one connection, until the time is over. Rejects at the first wrong answer. */
function converse(socket, { most, request, body, mark }, until, result) {
  return new Promise((resolve, reject) => {
    let pending = Buffer.alloc(0);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the connection was closed')));
    socket.on('data', (chunk) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      const end = pending.indexOf(HEAD_END);
      const bodyAt = end + HEAD_END.length;
      if (end < 0 || pending.length < bodyAt + body.length) return;
      const head = pending.latin1Slice(0, end);
      const problem = check(head, pending.subarray(bodyAt), body);
      if (problem !== undefined) return reject(new Error(`${problem}:\n${head}`));
      pending = Buffer.alloc(0);
      result.answers++;
      if (!head.includes(mark)) result.unmarked++;
      if (result.answers < most && performance.now() < until) socket.write(request(), 'latin1');
      else resolve();
    });
    socket.write(request(), 'latin1');
  });
}

function check(head, received, body) {
  if (!head.startsWith('HTTP/1.1 200 ')) return 'not a 200';
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (Number(length) !== body.length) return `a length of ${length} instead of ${body.length}`;
  return received.equals(body) ? undefined : 'other bytes';
}
