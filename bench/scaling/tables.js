// The tables, as Markdown: printed, and put into the page between its markers.

import { readFileSync, writeFileSync } from 'node:fs';
import { loadsOfShards } from './operations.js';
import { sizesOf } from './paper.js';

const percent = (share) => (share * 100).toFixed(share < 0.1 ? 2 : 1);
const whole = (number) => Math.round(number).toLocaleString('en');
const mega = (bytes) => (bytes / 1e6).toFixed(bytes < 1e6 ? 2 : 1);

export function markdown(heads, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** One scenario: each figure as simulated, and as the formulas have it. */
export function scenarioTable(heading, found) {
  const pair = (pick, format) => (row) =>
    `${row.simulated === undefined ? '–' : format(pick(row.simulated))} (${format(pick(row.paper))})`;
  const columns = [
    pair(({ memory }) => memory, percent),
    pair(({ redis }) => redis, percent),
    pair(({ miss }) => miss, percent),
    pair(({ load }) => load.total, whole),
    pair(({ load }) => load.out, mega),
    pair(({ entries }) => entries, whole),
  ];
  const heads = [heading, 'memory, %', 'Redis, %', 'handler, %', 'commands/s', 'MB/s from Redis', 'entries in Redis'];
  return markdown(
    heads,
    found.map((row) => [row.label, ...columns.map((column) => column(row))]),
  );
}

/** What was measured, with what the two others say, and how far they are from it. */
export function checkTable(found) {
  const rows = found.flatMap(({ label, paper, simulated, measured }) => {
    const line = (name, pick, format, off) => {
      const [real, ...others] = [measured, simulated, paper].map(pick);
      return [name, format(real), ...others.map((value) => `${format(value)} (${off(value, real)})`)];
    };
    const points = (value, real) => `${signed((value - real) * 100, 1)}`;
    const ratio = (value, real) => (real === 0 ? '–' : `${signed((value / real - 1) * 100, 1)} %`);
    const lines = [
      line('memory, %', ({ memory }) => memory, percent, points),
      line('Redis, %', ({ redis }) => redis, percent, points),
      line('waited, %', ({ collapsed }) => collapsed, percent, points),
      line('handler, %', ({ miss }) => miss, percent, points),
    ];
    if (measured.load.total > 0) {
      for (const name of ['mget', 'get', 'set', 'evalsha', 'xread', 'xrange'])
        lines.push(
          line(
            `${name.toUpperCase()}/s`,
            ({ load }) => load.commands[name] ?? 0,
            (x) => x.toFixed(1),
            ratio,
          ),
        );
      lines.push(line('all commands/s', ({ load }) => load.total, whole, ratio));
      lines.push(line('MB/s to Redis', ({ load }) => load.in, mega, ratio));
      lines.push(line('MB/s from Redis', ({ load }) => load.out, mega, ratio));
      for (let i = 0; measured.shards.length > 1 && i < measured.shards.length; i++)
        lines.push(
          line(i === 0 ? 'commands/s, the ledger’s shard' : 'another', ({ shards }) => shards[i].total, whole, ratio),
        );
    }
    return lines.map((cells, i) => [i === 0 ? label : '', ...cells]);
  });
  return markdown(['', '', 'measured', 'simulated (off by)', 'on paper (off by)'], rows);
}

/** How a Cluster's shards share what a site does. */
export function shardTable({ paper }, setup, average) {
  const rows = [1, 2, 3, 6, 12].map((shards) => {
    const [ledger, other] = loadsOfShards(paper.done, shards, sizesOf(setup, average));
    const of = (pick, format) => [ledger, other].map((load) => (load === undefined ? '–' : format(pick(load))));
    return [shards, ...of(({ total }) => total, whole), ...of(({ out }) => out, mega)];
  });
  return markdown(['shards', 'commands/s, the ledger’s', 'each other', 'MB/s from it', 'from each other'], rows);
}

/** What a row of the purge table's sizes comes to. */
export function collisionTable(rows) {
  const heads = [
    'tags purged in an entry’s life',
    '(T/m)^4',
    'a tag, on paper',
    'a tag, real table',
    'an entry with 6 tags',
  ];
  const rare = (value) => (value >= 0.001 ? `${percent(value)} %` : value === 0 ? '0' : value.toExponential(1));
  return markdown(
    heads,
    rows.map(({ tags, simple, paper, real, entry }) => [whole(tags), ...[simple, paper, real, entry].map(rare)]),
  );
}

const signed = (value, places) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(places)}`;

/** Puts tables, and the name of the machine, in the place of those that a page has between their markers. */
export function write(file, tables) {
  let page = readFileSync(file, 'utf8');
  for (const [name, table] of Object.entries(tables)) {
    const marked = new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`);
    if (!marked.test(page)) throw new Error(`${file} has no place for the table ${name}`);
    page = page.replace(marked, (_all, begin, end) => `${begin}\n${table}\n\n${end}`);
  }
  writeFileSync(file, page);
}
