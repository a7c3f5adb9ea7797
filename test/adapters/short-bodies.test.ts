// A short body that a handler gives as bytes leaves in one piece with its head. What leaves is compared in capture.test.ts.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { WithCacheOptions } from 'respcache/node';
import { describe, expect, it } from 'vitest';
import { useNode } from './node-host.js';
import { ALL_BYTES } from './ways.js';

const { serve, wrap } = useNode();
const LONGEST = 2048;

/** What Node is asked to send of an answer, each piece as it is. */
function pieces(socket: Socket): unknown[] {
  const seen: unknown[] = [];
  const { write } = socket;
  socket.write = function (this: Socket, ...args: unknown[]) {
    seen.push(args[0]);
    return Reflect.apply(write, this, args);
  } as typeof write;
  return seen;
}

const body = (length: number) => Buffer.alloc(length, ALL_BYTES);

describe.each<[string, WithCacheOptions, string]>([
  ['stored', {}, 'fwd=uri-miss; stored'],
  ['passed by', { when: () => false }, 'fwd=bypass'],
])('a handler whose answer is %s', (_, options, mark) => {
  it.each([
    [LONGEST, 1],
    [LONGEST + 1, 2],
  ])('and ends with %i bytes: in so many pieces: %i', async (length, count) => {
    let seen: unknown[] = [];
    let ended = 0;
    const host = await wrap(
      'memory',
      (req: IncomingMessage, res) => {
        seen = pieces(req.socket);
        res.end(body(length), () => ended++);
      },
      options,
    );
    const answer = await host.ask('/');
    expect(answer.header('cache-status')).toContain(mark);
    expect(answer.body).toEqual(body(length));
    expect(answer.header('content-length')).toBe(String(length));
    expect(seen.filter((piece) => piece !== '')).toHaveLength(count);
    await expect.poll(() => ended).toBe(1);
  });

  it('gives a layer outside that listens the bytes themselves', async () => {
    const given: unknown[] = [];
    const mine = body(10);
    const host = await wrap('memory', (_req, res) => res.end(mine), options);
    const [listener] = host.server.listeners('request') as ((req: IncomingMessage, res: ServerResponse) => void)[];
    host.server.removeAllListeners('request').on('request', (req, res) => {
      const { end } = res;
      res.end = function (this: ServerResponse, ...args: unknown[]) {
        given.push(args[0]);
        return Reflect.apply(end, this, args);
      } as typeof end;
      listener!(req, res);
    });
    expect((await host.ask('/')).body).toEqual(mine);
    expect(given).toEqual([mine]);
  });

  it.each<[string, (res: ServerResponse, said: (error?: Error | null) => void) => void]>([
    ['without more', (res) => res.end()],
    ['with a callback', (res, said) => res.end(said)],
    ['with another body', (res, said) => res.end('more', said)],
  ])('and ends once more, %s: Node says of it what it says without a cache', async (_name, again) => {
    const told = async (around: typeof wrap) => {
      const errors: unknown[] = [];
      const host = await around(
        'memory',
        (_req, res) => {
          res.on('error', ({ code }: NodeJS.ErrnoException) => errors.push(code));
          res.end(body(10));
          again(res, (error) => errors.push((error as NodeJS.ErrnoException | undefined)?.code));
        },
        options,
      );
      expect((await host.ask('/')).body).toEqual(body(10));
      return errors;
    };
    const bare = await told((store, listener) => serve(store, () => listener));
    expect(await told(wrap)).toEqual(bare);
  });

  it.each<[string, object, (res: ServerResponse) => void]>([
    ['a reason', { statusMessage: 'a\nb' }, (res) => Object.assign(res, { statusMessage: 'Sorry' })],
    ['a status', { statusCode: 99 }, () => {}],
    ['a status, with another head said apart,', { statusCode: 99 }, (res) => res.writeHead(500)],
  ])('and ends it with %s that Node refuses: another body can leave in its place', async (_name, spoilt, mend) => {
    const host = await wrap(
      'memory',
      (_req, res) => {
        try {
          Object.assign(res, spoilt).end(body(10));
        } catch {
          res.statusCode = 500;
          mend(res);
          res.end('sorry');
        }
      },
      options,
    );
    const answer = await host.ask('/');
    expect([answer.status, answer.text]).toEqual([500, 'sorry']);
  });
});
