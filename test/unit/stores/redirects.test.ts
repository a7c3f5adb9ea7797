import type { Redis } from 'ioredis';
import { describe, expect, it, vi } from 'vitest';
import { followed, mind, sent } from '../../../src/stores/redirects.js';
import type { RedisClient } from '../../../src/stores/redis-client.js';

/** A Cluster as far as it is looked at here. */
const clusterOf = (enableAutoPipelining = true) =>
  ({ nodes: () => [], options: { enableAutoPipelining } }) as unknown as RedisClient;

describe('a command that a Cluster has refused, as its key has moved', () => {
  it.each([
    'MOVED 1 127.0.0.1:1',
    'ASK 1 127.0.0.1:1',
    'TRYAGAIN Multiple keys',
    'All keys in the pipeline should belong to the same slots allocation group',
  ])('is sent again by itself, and others are gathered as before: %s', async (message) => {
    const client = clusterOf();
    const gathers: unknown[] = [];
    const send = vi.fn(async () => {
      gathers.push(client.options.enableAutoPipelining);
      if (gathers.length === 1) throw new Error(message);
      return 'done';
    });
    expect(await sent(client, send)).toBe('done');
    expect(gathers).toEqual([true, false]);
    expect(client.options.enableAutoPipelining).toBe(true);
  });

  it('leaves the client as it was also where it cannot be sent', () => {
    const client = clusterOf();
    const fail = () => {
      throw new Error('too long');
    };
    expect(() => followed(client, fail, new Error('MOVED 1 x'))).toThrow('too long');
    expect(client.options.enableAutoPipelining).toBe(true);
  });

  it('is not sent again for anything else', async () => {
    const send = vi.fn(() => Promise.reject(new Error('OOM')));
    await expect(sent(clusterOf(), send)).rejects.toThrow('OOM');
    expect(send).toHaveBeenCalledOnce();
  });
});

describe('what is sent to a server of a Cluster before a command that was redirected there', () => {
  it('is listened to once, however many caches share the client', async () => {
    let asked = 0;
    // Not a mock of Vitest's, which would listen to what it gives.
    const asking = () => Promise.reject(new Error(`Connection is closed. ${++asked}`));
    const node = { asking } as unknown as Redis;
    mind(node);
    const { asking: minded } = node;
    mind(node);
    expect(node.asking).toBe(minded);
    // Nobody waits for it: were it not listened to, it would end the process.
    void node.asking();
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toBe(1);
  });
});
