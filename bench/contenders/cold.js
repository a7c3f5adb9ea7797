// Times a contender from its first import to its first answer.

import { request as ask } from 'node:http';

const start = performance.now();
const send = process.send.bind(process);

/** The contender tells its port when it listens; what it is told beyond that is ours to tell. */
process.send = (message, ...rest) => {
  if (message.port === undefined) return send(message, ...rest);
  const headers = { 'x-client-id': 'client-123', accept: 'application/json' };
  ask({ host: '127.0.0.1', port: message.port, path: '/users?page=1', headers }, (res) => {
    res.resume().on('end', () => send({ ...message, took: performance.now() - start }));
  }).end();
  return true;
};

const { stack } = JSON.parse(process.argv[2]);
await import(stack.startsWith('koa') ? './koa.js' : './express.js');
