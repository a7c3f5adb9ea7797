// Every example of docs/testing.md, run as a user runs it.

import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { Snippets } from './snippets.js';

const page = readFileSync(new URL('../../docs/testing.md', import.meta.url), 'utf8');
const snippets = new Snippets(page);
afterAll(() => snippets.close());

/** What the comments behind `console.log` say. */
const promised = (name: string) =>
  [...snippets.code.get(name)!.matchAll(/console\.log.*; \/\/ (.*)\n/g)].map(([, text]) => `${text}\n`).join('');

describe.concurrent('docs/testing.md', () => {
  it('has no code that is not run here', () => {
    expect(page.match(/^```(js|ts|javascript|typescript)$/gm)).toHaveLength(snippets.code.size);
    expect([...snippets.code.keys()]).toEqual(['clock', 'chaos', 'suite']);
  });

  it.each(['clock', 'chaos'])('%s prints what it says', async (name) => {
    expect(await snippets.run(name)).toBe(promised(name));
  });

  it('suite: a store is given to whichever runner, with a good many tests', async () => {
    // test/stores has Vitest run them.
    const runner = `
const names = [];
const it = (name) => names.push(name);
it.each = (cases) => (name) => cases.forEach(() => it(name));
const never = () => {};
testMyStore({ describe: (name, body) => body(), it, expect: never, beforeAll: never, beforeEach: never, afterAll: never });
console.log(names.length > 60, names.includes('answers a ping'));
`;
    const counted = new Snippets(page.replace(/(export function testMyStore[^`]*)/, `$1${runner}`));
    expect(await counted.run('suite')).toBe('true true\n');
    counted.close();
  });
});
