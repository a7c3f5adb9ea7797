// What the tests of the migration pages share: applications in this process, and a page's two as processes of their own.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Cache, type CacheOptions, createCache } from 'respcache';
import { expect } from 'vitest';
import { type Ask, ask } from '../adapters/client.js';
import { Snippets } from '../readme/snippets.js';

/** Applications and caches that end together. */
export class Stage {
  readonly #ends: (() => unknown)[] = [];

  /** Serves an application on a port of its own. */
  async serve(listener: RequestListener): Promise<number> {
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.onClose(() => new Promise((done) => server.close(done)));
    return (server.address() as AddressInfo).port;
  }

  /** A cache in memory, unless the options say otherwise. */
  cache(options: CacheOptions = {}): Cache {
    const cache = createCache({ redis: false, ...options });
    this.onClose(() => cache.close());
    return cache;
  }

  onClose(end: () => unknown): void {
    this.#ends.push(end);
  }

  async close(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }
}

/** The texts of answers to requests, one after the other. */
export async function texts(port: number, ...requests: (string | readonly [string, Ask])[]): Promise<string[]> {
  const found: string[] = [];
  for (const request of requests) {
    const [target, options] = typeof request === 'string' ? [request, {}] : request;
    found.push((await ask(port, target, options)).text);
  }
  return found;
}

/** A request of the client with these fields. */
export const as = (target: string, headers: Record<string, string>): readonly [string, Ask] => [target, { headers }];

/** Requests (`GET /users`) to the application of a snippet: status, type and text of the answers, in order. */
export async function answersOf(snippets: Snippets, name: string, requests: readonly string[]): Promise<string[]> {
  const { address } = await snippets.serve(name);
  const port = Number(new URL(address).port);
  const found: string[] = [];
  for (const request of requests) {
    const [method, target] = request.split(' ') as [string, string];
    const answer = await ask(port, target, { method });
    found.push(`${request}: ${answer.status} ${answer.header('content-type')} ${answer.text}`);
  }
  return found;
}

/** A page of docs/from. */
export class MigrationPage {
  readonly text: string;
  readonly snippets: Snippets;

  constructor(name: string) {
    this.text = readFileSync(new URL(`../../docs/from/${name}.md`, import.meta.url), 'utf8');
    this.snippets = new Snippets(this.text);
  }

  /** Fails for a name of the old package's that no row of the page's table begins with. */
  expectRowsFor(names: readonly string[]): void {
    const rows = this.text.split('\n').filter((line) => line.startsWith('| '));
    const olds = rows.map((row) => row.split(' | ')[0]!).join('\n');
    const missing = names.filter((name) => !new RegExp(`\\b${name}\\b`).test(olds));
    expect(missing, 'not in the table').toEqual([]);
  }

  /** Fails for code that no test runs. */
  expectSnippets(names: readonly string[]): void {
    expect(this.text.match(/^```(js|ts|javascript|typescript)$/gm)).toHaveLength(this.snippets.code.size);
    expect([...this.snippets.code.keys()]).toEqual(names);
  }
}
