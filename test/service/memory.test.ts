import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { memory } from './backends.js';
import { serviceSuite } from './suites/all.js';

const BUILT = new URL('../../dist/src/index.js', import.meta.url);

/** Of a script that has nothing else to do. On the built package. */
const SCRIPT = `
import { createCache } from '${BUILT.href}';
const cache = createCache({ redis: false, collapseTimeout: 50 });
cache.getOrSet('n', () => new Promise(() => {}), 'c');
console.log(await cache.getOrSet('n', () => 'made', 'c'));
`;

describe('in memory', () => {
  serviceSuite(memory);

  it('a script that waits for another call’s factory, which never ends, lives to run its own', async () => {
    const args = ['--input-type=module', '--eval', SCRIPT];
    expect(await promisify(execFile)(process.execPath, args)).toMatchObject({ stdout: 'made\n' });
  });
});
