// How often the real purge table takes a tag for purged that was not.

import { PurgeTable } from '../../build/src/invalidation/purge-table.js';

/**
 * The share of `asked` other tags that a table believes to be purged after so many have been.
 * @param {number} purged how many tags
 * @param {import('../../src/invalidation/purge-table.ts').Geometry} geometry
 */
export function falselyPurged(purged, asked, geometry) {
  const table = new PurgeTable('', 0, geometry);
  for (let i = 0; i < purged; i++) table.apply({ tags: [`u:tenant:http://app.example/${i}`], patterns: [] }, i + 1);
  let found = 0;
  for (let i = 0; i < asked; i++) if (table.lastPurge(`u:other:http://app.example/items/${i}`) > 0) found++;
  return found / asked;
}
