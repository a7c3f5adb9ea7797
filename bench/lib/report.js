// A run as text for a terminal, and as Markdown for the page.

import { columnsOf } from '../kinds/index.js';
import { sceneOf } from '../scenes/index.js';

const GOAL_HEADINGS = ['goal', 'must be', 'is', ''];

/** All of a run. */
export function asText(run) {
  const parts = [describeMachine(run.machine)];
  for (const result of run.nodes) {
    parts.push(`\n== Node ${result.node} ==\n${describeWay(result)}\n`);
    for (const { name, rows } of result.scenes)
      parts.push(`\n${sceneOf(name).title}  [${name}]\n\n${textTable(...grid(name, rows))}`);
    const measured = result.goals.filter(({ verdict }) => verdict !== 'not measured');
    const left = result.goals.length - measured.length;
    parts.push(
      `\nGoals (${left} more were not measured)\n\n`,
      textTable(GOAL_HEADINGS, [{ cells: measured.map(goalCells) }]),
    );
    for (const { text } of result.notes) parts.push(`Note: ${text}\n`);
  }
  return parts.join('');
}

/** All of a run, as it stands in docs/performance.md. */
export function asMarkdown(run) {
  const parts = [`${run.date}. ${describeMachine(run.machine).trim().replace('\n', '. ')}.\n`];
  for (const result of run.nodes) {
    parts.push(`### Node ${result.node}\n\n${describeWay(result)}.\n`);
    parts.push(`#### Goals\n\n${markdownTable(GOAL_HEADINGS, [{ cells: result.goals.map(goalCells) }])}`);
    for (const { name, rows } of result.scenes) {
      const { title, about } = sceneOf(name);
      parts.push(`#### ${title}\n\n${about}\n\n${markdownTable(...grid(name, rows))}`);
    }
    if (result.notes.length > 0) parts.push(`${result.notes.map(({ text }) => `- ${text}`).join('\n')}\n`);
  }
  return parts.join('\n');
}

/** How it was measured under one Node. */
function describeWay({ options: { starts = 1, rounds, seconds, leadIn, connections, quick, dists } }) {
  const builds = dists > 1 ? `, ${dists} builds` : '';
  const led = leadIn ? `, after ${leadIn} s that do not count` : '';
  const started = starts > 1 ? `${starts} starts with ` : '';
  return `${connections} connections, ${started}${rounds} rounds${starts > 1 ? ' each' : ''} of ${seconds} s${led}${quick ? ', quick: for a first look only' : ''}${builds}`;
}

export function describeMachine({ cpu, cores, system, free, ...versions }) {
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${cpu}, ${cores} cores (${free.toFixed(1)} of them free at the start), ${system}\n${packages.join(', ')}\n`;
}

function goalCells({ what, goal, found, verdict }) {
  const text = found === undefined ? '' : Math.abs(found) >= 100 ? String(Math.round(found)) : found.toFixed(2);
  return [what, goal, text, verdict];
}

/** The headings, and the groups of rows, of a scene. Columns that nobody has anything in are left out, but for the first: why somebody failed is said there. */
export function grid(scene, rows) {
  const all = columnsOf(sceneOf(scene).kind);
  const of = (column, row) => (row.failed === undefined ? column.of(row) : '');
  const columns = all.filter((column, i) => i === 0 || rows.some((row) => of(column, row) !== ''));
  const cells = (row) => [
    row.what,
    ...columns.map((column, i) => (row.failed !== undefined && i === 0 ? row.failed : of(column, row))),
  ];
  const groups = new Map();
  for (const row of rows) groups.set(row.group, [...(groups.get(row.group) ?? []), cells(row)]);
  return [['', ...columns.map(({ title }) => title)], [...groups].map(([name, lines]) => ({ name, cells: lines }))];
}

/** Columns under one another; `groups`: rows of cells, each group under its name. */
export function textTable(headings, groups) {
  const rows = groups.flatMap(({ cells }) => cells);
  const widths = headings.map((heading, i) => Math.max(heading.length, ...rows.map((row) => short(row[i], i).length)));
  const line = (cells) =>
    `  ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')}`.trimEnd();
  const lines = [line(headings)];
  for (const { name, cells } of groups) {
    if (name !== undefined) lines.push(name);
    lines.push(...cells.map(line));
  }
  return `${lines.join('\n')}\n`;
}

/** A reason why somebody failed is no measure for a column's width. */
const short = (cell, i) => (i === 1 && cell.length > 24 ? '' : cell);

export function markdownTable(headings, groups) {
  const escaped = (cell) => cell.replaceAll('|', '\\|');
  const line = (cells) => `| ${cells.map(escaped).join(' | ')} |`;
  const lines = [line(headings), line(headings.map((_, i) => (i === 0 ? '---' : '--:')))];
  for (const { name, cells } of groups) {
    if (name !== undefined) lines.push(line([`**${name}**`, ...headings.slice(1).map(() => '')]));
    lines.push(...cells.map(line));
  }
  return `${lines.join('\n')}\n`;
}
