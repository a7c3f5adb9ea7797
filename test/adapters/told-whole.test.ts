// A handler that is still sending as a 304 leaves in the place of its answer: it is told that it has sent all, as without a
// cache, and not that its client has gone.

import { Agent } from 'node:http';
import { join } from 'node:path';
import type { RequestHandler } from 'express';
import { describe, expect, it } from 'vitest';
import { IN_FRONT, OF_EXPRESS, useBench } from './bench.js';
import { Layer, notHere } from './hosts.js';

const bench = useBench();

/** Ways to send a file, which say how it went. */
const WAYS: [name: string, send: (told: (error: unknown) => void) => RequestHandler][] = [
  ['res.sendFile', (told) => (_req, res) => res.sendFile(join(import.meta.dirname, 'ways.ts'), told)],
  ['res.download', (told) => (_req, res) => res.download(join(import.meta.dirname, 'ways.ts'), 'x.ts', told)],
];

describe.each([...OF_EXPRESS, ...IN_FRONT.filter(({ framework }) => framework.startsWith('express'))])(
  'who sends what is not stored: $label',
  (combination) => {
    it.each(WAYS)('is told of no error where its client has it already: %s', async (_name, send) => {
      const host = await bench.start(combination);
      const told: unknown[] = [];
      const handler: RequestHandler = (req, res, next) =>
        send((error) => {
          told.push(error);
          if (error) next(error);
        })(req, res, next);
      host.get('/x', {}, new Layer(handler, notHere));
      host.get('/y', {}, () => ({ body: 'y' }));
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const etag = String((await host.ask('/x', { agent })).header('etag'));
      const [again, next] = await Promise.all([
        host.ask('/x', { agent, headers: { 'If-None-Match': etag } }),
        host.ask('/y', { agent }),
      ]);
      expect(again).toMatchObject({ status: 304, text: '' });
      expect(next.text).toBe('y');
      expect(told).toEqual([undefined, undefined]);
      agent.destroy();
    });
  },
);
