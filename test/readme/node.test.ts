// Every example of docs/node.md, run as a user runs it.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { Snippets } from './snippets.js';

const page = readFileSync(fileURLToPath(new URL('../../docs/node.md', import.meta.url)), 'utf8');
const snippets = new Snippets(page);

afterAll(() => snippets.close());

const text = async (url: string, init?: RequestInit) => (await fetch(url, init)).text();

describe.concurrent('docs/node.md', () => {
  it('has no code that is not run here', () => {
    expect(page.match(/^```(js|ts|javascript|typescript)$/gm)).toHaveLength(snippets.code.size);
    expect([...snippets.code.keys()]).toEqual(['plain', 'fastify', 'inside']);
  });

  it('wraps a plain listener', async () => {
    const { address } = await snippets.serve('plain');
    const first = await text(`${address}/a`);
    expect(await text(`${address}/a`)).toBe(first);
    expect(await text(`${address}/a`, { headers: { 'x-api-key': 'k' } })).not.toBe(first);
    await text(`${address}/a`, { method: 'POST' });
    expect(await text(`${address}/a`)).not.toBe(first);
  });

  it('wraps Fastify', async () => {
    const { address } = await snippets.serve('fastify');
    const get = () => fetch(`${address}/users`);
    expect(await (await get()).json()).toEqual(['Ada']);
    expect((await get()).headers.get('cache-status')).toMatch(/^respcache; hit/);
    expect((await fetch(`${address}/users`, { method: 'POST' })).status).toBe(201);
    expect(await (await get()).json()).toEqual(['Ada', 'Bob']);
  });

  it('is one cache with mounts inside', async () => {
    const { address } = await snippets.serve('inside');
    const entered = () => snippets.output('inside').match(/entered/g)?.length ?? 0;
    await text(`${address}/users`);
    await vi.waitFor(() => expect(entered()).toBe(2), { timeout: 10_000 });
    for (let i = 0; i < 3; i++) expect(await text(`${address}/users`)).toBe('["Ada"]');
    // What is printed comes later than the answer: one more that enters says when all before it has come.
    await text(`${address}/elsewhere`);
    await vi.waitFor(() => expect(entered()).toBeGreaterThan(2), { timeout: 10_000 });
    expect(entered()).toBe(3);
  });
});
