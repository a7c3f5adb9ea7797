// Times a contender from its first import to its first answer.

import { request as ask } from 'node:http';

const start = performance.now();
const send = process.send.bind(process);

/** The contender tells its port when it listens; what it is told beyond that is ours to tell. */
process.send = (message, ...rest) => {
  if (message.port === undefined) return send(message, ...rest);
  const headers = { 'x-client-id': 'client-123', accept: 'application/json' };
  ask({ host: '127.0.0.1', port: message.port, path: '/users?page=1', headers }, (res) => {
    const pieces = [];
    res.on('data', (piece) => pieces.push(piece));
    res.on('end', async () => {
      const took = performance.now() - start;
      await check(res.statusCode, Buffer.concat(pieces));
      send({ ...message, took });
    });
  }).end();
  return true;
};

/** @throws where it is not the answer that was waited for, which ends this process: the row says why */
async function check(status, bytes) {
  const { body } = await import('../lib/serve.js');
  if (status !== 200 || !bytes.equals(body)) {
    throw new Error(`not the answer, but ${status} and ${JSON.stringify(bytes.toString().slice(0, 40))}`);
  }
}

const { stack } = JSON.parse(process.argv[2]);
await import(stack.startsWith('koa') ? './koa.js' : './express.js');
