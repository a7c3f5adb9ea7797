// Every example of docs/sessions-and-limits.md, run as a user runs it.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { Snippets } from './snippets.js';

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(fileURLToPath(new URL(path, root)), 'utf8');
const page = read('docs/sessions-and-limits.md');
const snippets = new Snippets(page);

afterAll(() => snippets.close());

/** Asks as a browser does: with the cookies that it was given. */
async function browse(address: string, paths: readonly [path: string, init?: RequestInit][]): Promise<string[]> {
  const cookies = new Map<string, string>();
  const texts: string[] = [];
  for (const [path, init] of paths) {
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
    const answer = await fetch(address + path, { ...init, headers: { cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    texts.push(await answer.text());
  }
  return texts;
}

describe.concurrent('docs/sessions-and-limits.md', () => {
  it('has no code that is not run here', () => {
    expect(page.match(/^```(js|ts|javascript|typescript)$/gm)).toHaveLength(snippets.code.size);
    expect([...snippets.code.keys()]).toEqual(['sessions', 'koaSessions', 'limits', 'koaLimits']);
  });

  it('keeps sessions of Express', async () => {
    const { address } = await snippets.serve('sessions');
    const asked = browse(address, [['/me'], ['/login', { method: 'POST' }], ['/me']]);
    expect(await asked).toEqual(['{"user":null}', 'in', '{"user":"ada"}']);
  });

  it('keeps sessions of Koa', async () => {
    const { address } = await snippets.serve('koaSessions');
    expect(await browse(address, [['/'], ['/'], ['/']])).toEqual(['1', '2', '3']);
  });

  it('limits, but for hits', async () => {
    const { address } = await snippets.serve('limits');
    const statuses: number[] = [];
    for (const id of [1, 2, 1, 2, 3]) statuses.push((await fetch(`${address}/reports/${id}`)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 429]);
    const refused = await fetch(`${address}/reports/4`);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(290);
    expect(refused.headers.get('ratelimit-policy')).toBe('"all";q=100;w=60, "reports";q=2;w=60');
    expect((await fetch(`${address}/users`)).headers.get('ratelimit')).toMatch(/^"all";r=\d+;t=\d+$/);
  });

  it('charges what a search costs', async () => {
    const { address } = await snippets.serve('koaLimits');
    const left: (string | undefined)[] = [];
    for (const path of ['/search', '/a', '/search'])
      left.push(/;r=(\d+)/.exec((await fetch(address + path)).headers.get('ratelimit') ?? '')?.[1]);
    // Whether the example is there yet was asked, too.
    expect(left).toEqual(['4', '3', '0']);
  });

  it('names all options that there are', () => {
    const named = [...page.matchAll(/^\| (`\w+`(?:, `\w+`)*) \|/gm)].flatMap(([, names]) => names?.match(/\w+/g) ?? []);
    const limits = /const KNOWN = \[(.*)\]/.exec(read('src/limits/options.ts'))?.[1]?.match(/\w+/g) ?? [];
    expect(limits.length).toBeGreaterThan(8);
    for (const name of [...limits, 'prefix', 'ttl', 'disableTouch']) expect(named).toContain(name);
  });
});
