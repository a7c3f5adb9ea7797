// The closed loop: what is counted, and what goes before it.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { withConnections } from '../../bench/lib/connections.js';
import { applyLoad } from '../../bench/lib/load.js';
import { payload, requests } from '../../bench/lib/traffic.js';

it('counts every answer, those of the lead-in apart', async () => {
  const body = payload(100);
  let asked = 0;
  const server = createServer((_req, res) => {
    asked++;
    res.writeHead(200, { 'Content-Length': body.length }).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const job = { connections: 2, awake: false, most: 1_000_000, request: requests({}), expected: { body } };
    const { port } = server.address() as AddressInfo;
    const { answers, led } = await applyLoad(port, { ...job, seconds: 0.25, leadIn: 0.25 });
    expect([led > 0, answers > 0, led + answers]).toEqual([true, true, asked]);
    asked = 0;
    const whole = await applyLoad(port, { ...job, seconds: 0.25 });
    expect([whole.led, whole.answers]).toEqual([0, asked]);
  } finally {
    server.close();
  }
});

it('counts for the whole of its seconds, however late the contender tells its CPU time as they begin', async () => {
  const body = payload(100);
  const server = createServer((_req, res) => res.writeHead(200, { 'Content-Length': body.length }).end(body));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    let cpu = 0;
    const ask = async () => {
      // It has the whole time of the lead-in and of the turn to do with something else.
      if (cpu === 1) await sleep(200);
      return { cpu: cpu++ };
    };
    const job = { connections: 2, awake: false, most: 1_000_000, request: requests({}), expected: { body }, ask };
    const load = await applyLoad((server.address() as AddressInfo).port, { ...job, seconds: 0.05, leadIn: 0.05 });
    expect([load.answers > 0, load.seconds >= 0.05, load.cpu]).toEqual([true, true, 1 / load.answers]);
  } finally {
    server.close();
  }
});

it('has patience for the seconds of the lead-in, too, and none with who does not answer', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const { port } = server.address() as AddressInfo;
    const job = { connections: 1, seconds: 1, leadIn: 30, awake: false, expected: { body: payload(100) } };
    let given: Error | undefined;
    await withConnections(
      port,
      job,
      async ([connection]: [{ listen(told: (_: boolean, error: Error) => void): void }]) => {
        const closed = new Promise<void>((resolve) => {
          connection.listen((_marked, error) => {
            given ??= error;
            resolve();
          });
        });
        vi.advanceTimersByTime(31_000);
        await new Promise(setImmediate);
        expect(given).toBeUndefined();
        vi.advanceTimersByTime(10_000);
        await closed;
      },
    );
    expect(given?.message).toBe('no answer');
  } finally {
    vi.useRealTimers();
    server.close();
  }
});
