// Every example of docs/testing.md, run as a user runs it.

import { readFileSync } from 'node:fs';
import { ChaosStore, storeSuite } from 'respcache/testing';
import * as vitest from 'vitest';
import { Snippets } from './snippets.js';

const { afterAll, describe, expect, it } = vitest;
const page = readFileSync(new URL('../../docs/testing.md', import.meta.url), 'utf8');
const snippets = new Snippets(page);
afterAll(() => snippets.close());

/** What the comments behind `console.log` say. */
const promised = (name: string) =>
  [...snippets.code.get(name)!.matchAll(/console\.log.*; \/\/ (.*)\n/g)].map(([, text]) => `${text}\n`).join('');

describe.concurrent('docs/testing.md', () => {
  it('has no code that is not run here', () => {
    expect(page.match(/^```(js|ts|javascript|typescript)$/gm)).toHaveLength(snippets.code.size);
    expect([...snippets.code.keys()]).toEqual(['supertest', 'clock', 'chaos', 'suite']);
  });

  it.each(['supertest', 'clock', 'chaos'])('%s prints what it says', async (name) => {
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

// And what the example makes passes them all: whoever begins with it changes one line at a time.
const suite = snippets.code
  .get('suite')!
  .replace(/^import .*$/m, '')
  .replace('export function', 'return function');
new Function('ChaosStore', 'storeSuite', suite)(ChaosStore, storeSuite)(vitest);
