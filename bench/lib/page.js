// The page that the results are written to, between two marks. What stands around them is written by hand.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const PAGE = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));
const BEGIN = '<!-- results: begin (npm run bench -- --write) -->';
const END = '<!-- results: end -->';

/** The page with these results in the place of the ones before. @throws if the marks are not there */
export function withResults(page, results) {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the page has no "${BEGIN}" with "${END}" behind it`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${results.trim()}\n\n${page.slice(end)}`;
}

export function writePage(results) {
  writeFileSync(PAGE, withResults(readFileSync(PAGE, 'utf8'), results));
}
