import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadPeer } from '../../src/peer.js';

/** The built module as bundlers write it, in CommonJS and with `url` where it asks for its own. */
function bundled(url?: string): typeof loadPeer {
  const built = readFileSync(new URL('../../build/src/peer.js', import.meta.url), 'utf8');
  const text = built
    // What webpack does with this one name, whatever else is imported.
    .replace(/^import \{ createRequire \} .*$/m, url === undefined ? '$&' : 'const createRequire = undefined;')
    .replace(/^import (.*) from ('[^']+');$/gm, 'const $1 = require($2);')
    .replace('import.meta.url', String(JSON.stringify(url)))
    .replace('export function', 'return function');
  return new Function('require', '__filename', text)(
    createRequire(import.meta.url),
    fileURLToPath(import.meta.url),
  ) as typeof loadPeer;
}

describe.each([
  ['as a module', loadPeer],
  ['in a bundle in CommonJS', bundled()],
  ['in a bundle of webpack', bundled('file:///where/it/was/made/node_modules/respcache/dist/shared/cache.js')],
])('an optional package, %s', (_how, load) => {
  it('is loaded where it is installed', () => {
    expect(load('ioredis', 'option redis')).toHaveProperty('Redis');
  });

  it('is asked for where it is not', () => {
    expect(() => load('no-such-package', 'option redis')).toThrow(
      'option redis needs the package no-such-package: npm install no-such-package',
    );
  });
});
