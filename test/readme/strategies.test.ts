// Every example of docs/strategies.md, run as a user runs it.

import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { Snippets } from './snippets.js';

const page = readFileSync(new URL('../../docs/strategies.md', import.meta.url), 'utf8');
const snippets = new Snippets(page);

afterAll(() => snippets.close());

describe.concurrent('docs/strategies.md', () => {
  it('has no code that is not run here', () => {
    expect(page.match(/^```(js|ts|javascript|typescript)$/gm)).toHaveLength(snippets.code.size);
    expect([...snippets.code.keys()]).toEqual(['cacheFirst', 'writeThrough']);
  });

  it('runs one factory for all who ask', async () => {
    expect(await snippets.run('cacheFirst')).toBe("100 1\n[ { id: 1, name: 'Ada', run: 2 } ]\n");
  });

  it('writes through', async () => {
    expect(await snippets.run('writeThrough')).toBe("{ id: 1, name: 'Ada' }\na user has a name\nundefined\n");
  });
});
