// Every example of docs/strategies.md, run as a user runs it.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { Snippets } from './snippets.js';

const page = readFileSync(new URL('../../docs/strategies.md', import.meta.url), 'utf8');
const snippets = new Snippets(page);

afterAll(() => snippets.close());

async function run(name: string): Promise<string> {
  const started = snippets.start(name);
  const [code] = (await once(started.child, 'close')) as [number];
  expect(code, started.stdout + started.stderr).toBe(0);
  return started.stdout;
}

describe.concurrent('docs/strategies.md', () => {
  it('has no code that is not run here', () => {
    expect(page.match(/^```(js|ts|javascript|typescript)$/gm)).toHaveLength(snippets.code.size);
    expect([...snippets.code.keys()]).toEqual(['cacheFirst', 'writeThrough']);
  });

  it('runs one factory for all who ask', async () => {
    expect(await run('cacheFirst')).toBe("100 1\n[ { id: 1, name: 'Ada', run: 2 } ]\n");
  });

  it('writes through', async () => {
    expect(await run('writeThrough')).toBe("{ id: 1, name: 'Ada' }\na user has a name\nundefined\n");
  });
});
