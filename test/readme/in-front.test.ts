// Every example of docs/in-front.md, run as a user runs it. What its tables say is shown in
// test/adapters/create-server-skipped.test.ts.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { Snippets } from './snippets.js';

const page = readFileSync(fileURLToPath(new URL('../../docs/in-front.md', import.meta.url)), 'utf8');
const snippets = new Snippets(page);
/** The same without what the page says is needed. */
const careless = new Snippets(page.replace(/^ +personal: .*\n/m, ''));

afterAll(() => {
  snippets.close();
  careless.close();
});

const ask = async (url: string, headers: Record<string, string> = {}, method = 'GET') => {
  const response = await fetch(url, { headers, method });
  const text = await response.text();
  return { text, status: response.status, cache: response.headers.get('cache-status') ?? '', response };
};

describe.concurrent('docs/in-front.md', () => {
  it('has no code that is not run here', () => {
    expect(page.match(/^```(js|ts|javascript|typescript)$/gm)).toHaveLength(snippets.code.size);
    expect([...snippets.code.keys()]).toEqual(['express', 'koa', 'personal', 'both', 'logs', 'limits']);
  });

  it('Express: hits, invalidation, a key that is named', async () => {
    const { address } = await snippets.serve('express');
    expect((await ask(`${address}/users`)).text).toBe('["Ada"]');
    expect((await ask(`${address}/users`)).cache).toMatch(/^respcache; hit/);
    expect((await ask(`${address}/users`, { 'x-api-key': 'k' })).cache).toContain('detail=personal');
    expect((await ask(`${address}/users/new`, {}, 'POST')).status).toBe(201);
    expect((await ask(`${address}/users`)).text).toBe('["Ada","Bob"]');
  });

  it('Koa', async () => {
    const { address } = await snippets.serve('koa');
    const { text } = await ask(`${address}/a`);
    expect(await ask(`${address}/a`)).toMatchObject({ text, cache: expect.stringMatching(/^respcache; hit/) });
  });

  it('what is personal is asked every time', async () => {
    const { address } = await snippets.serve('personal');
    const good = { 'x-api-key': 'let me in' };
    for (let i = 0; i < 2; i++) {
      expect(await ask(`${address}/account`, good)).toMatchObject({ status: 200, text: 'for who has the key' });
      expect((await ask(`${address}/account`)).status).toBe(401);
      expect((await ask(`${address}/account`, { 'x-api-key': 'no' })).status).toBe(401);
    }
    // Express finds its routes in any case: what is kept out by one spelling would be shared by another.
    for (const path of ['/internal', '/Internal', '/INTERNAL/report'])
      expect((await ask(`${address}${path}`)).cache).toContain('detail=when');
  });

  it('what is personal, if it is not named, is given to everybody', async () => {
    const { address } = await careless.serve('personal');
    await ask(`${address}/account`, { 'x-api-key': 'let me in' });
    expect(await ask(`${address}/account`)).toMatchObject({ status: 200, text: 'for who has the key' });
  });

  it('users behind an authentication, all others in front', async () => {
    const { address } = await snippets.serve('both');
    const { text } = await ask(`${address}/news`);
    expect((await ask(`${address}/news`)).text).toBe(text);
    const mine = async (token: string) => (await ask(`${address}/me`, { authorization: `Bearer ${token}` })).text;
    const [ada, bob] = [await mine('a'), await mine('b')];
    expect([ada.split(' ')[0], bob.split(' ')[0]]).toEqual(['Ada', 'Bob']);
    expect([await mine('a'), await mine('b')]).toEqual([ada, bob]);
    expect((await ask(`${address}/me`)).status).toBe(401);
    expect((await ask(`${address}/me`, { authorization: 'Bearer c' })).status).toBe(401);
  });

  it('access logs', async () => {
    const { address } = await snippets.serve('logs');
    for (let i = 0; i < 3; i++) await ask(`${address}/a`);
    const lines = () => snippets.output('logs').match(/^.* \/a.*$/gm);
    await vi.waitFor(() => expect(lines()).toEqual(['app GET /a 200', 'hit /a 1', 'hit /a 1']));
  });

  it('limits that count hits', async () => {
    const { address } = await snippets.serve('limits');
    const left = async () => (await ask(`${address}/a`)).response.headers.get('ratelimit')?.match(/r=(\d+)/)?.[1];
    const first = Number(await left());
    expect([Number(await left()), Number(await left())]).toEqual([first - 1, first - 2]);
    expect((await ask(`${address}/a`)).cache).toMatch(/^respcache; hit/);
  });
});
