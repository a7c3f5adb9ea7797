// A process' worth: a client and a cache on it, and an application.

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { type Cache, type CacheOptions, createCache, type Receipt, type RedisClient } from 'respcache';
import { cacheMiddleware } from 'respcache/express';
import supertest from 'supertest';
import { vi } from 'vitest';

/** The database that all processes have. */
export interface World {
  state: string;
}

export interface Answer {
  readonly text: string;
  readonly hit: boolean;
}

export class Process {
  readonly cache: Cache;
  readonly client: RedisClient;
  readonly #server: Server;

  constructor(client: RedisClient, world: World, options: CacheOptions) {
    client.on('error', () => {});
    this.client = client;
    this.cache = createCache({ redis: client, ...options });
    const app = express();
    app.use(cacheMiddleware({ cache: this.cache, ttl: 3600 }));
    app.get('/varied', (req, res) => {
      res.vary('Accept-Language');
      res.send(`${world.state} in ${req.get('accept-language')}`);
    });
    app.get('/:page', (req, res) => {
      res.cache.tag(`tag-${req.params.page}`);
      res.send(world.state);
    });
    this.#server = app.listen(0, '127.0.0.1');
  }

  /** Waits until it knows the ledger, and, where it may then serve without asking, that it does. */
  async ready(): Promise<void> {
    const { l1, consistency } = this.cache.settings;
    await vi.waitFor(
      async () => {
        await this.cache.has('x', 'x');
        const { ledger } = this.cache.services.backend;
        if (ledger.position() === undefined) throw new Error('the ledger is not known yet');
        if (l1 && consistency === 'pushed' && !ledger.isCurrent()) throw new Error('the log is not followed yet');
      },
      { timeout: 10_000, interval: 5 },
    );
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    const { port } = this.#server.address() as AddressInfo;
    // All processes answer under one name: it is a part of the key.
    const answer = await supertest(`http://127.0.0.1:${port}`)
      .get(path)
      .set({ host: 'tiers', 'x-client-id': 'c', ...headers })
      .expect(200);
    return { text: answer.text, hit: String(answer.headers['cache-status']).includes('; hit') };
  }

  /** Asks for what is not there, and waits until Redis has what the handler said. */
  async fill(path: string, headers?: Record<string, string>): Promise<Answer> {
    const stored = new Promise<void>((resolve) => {
      const off = this.cache.on('set', () => {
        off();
        resolve();
      });
    });
    const answer = await this.get(path, headers);
    await stored;
    return answer;
  }

  /** Waits until the log has told this process of a purge. */
  async heard({ sequence }: Receipt): Promise<void> {
    await vi.waitFor(
      () => {
        const position = this.cache.services.backend.ledger.position();
        if ((position?.sequence ?? 0) < sequence) throw new Error('not heard yet');
      },
      { timeout: 5000, interval: 1 },
    );
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await this.cache.close();
    this.client.disconnect();
  }
}
