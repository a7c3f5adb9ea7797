import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, type } from 'node:os';

const PACKAGES = ['express', 'express4', 'koa', 'koa2', 'ioredis'];

/** What the figures depend on beside the code. */
export function machine(redis) {
  const version = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')).version;
  return {
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    system: `${type()} ${release()}`,
    load: loadavg()[0],
    respcache: version('../../package.json'),
    ...Object.fromEntries(PACKAGES.map((name) => [name, version(`../../node_modules/${name}/package.json`)])),
    ...(redis === undefined ? {} : { redis: redis.version }),
  };
}

/**
 * The figures of each contender over the rounds. What is compared with a limit is compared within a round, where both
 * had the same weather, and only then is the median taken.
 * @param {Map<object, { rate: number, cpu: number }[]>} turns by catalogue entry
 */
export function summarize(turns) {
  const byName = new Map([...turns].map(([{ name }, list]) => [name, list]));
  return [...turns].map(([{ name, group, scene, limit }, list]) => {
    const limits = limit && byName.get(limit);
    return {
      name,
      group,
      scene,
      limit,
      requestsPerSecond: spread(list.map(({ rate }) => rate)),
      cpuPerRequest: spread(list.map(({ cpu }) => cpu)),
      ratio: limits && spread(list.map(({ rate }, round) => rate / limits[round].rate)),
      cpuOverLimit: limits && spread(list.map(({ cpu }, round) => cpu - limits[round].cpu)),
    };
  });
}

/** The median and the quartiles. */
export function spread(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75), rounds: values };
}

function quantile(sorted, share) {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)];
  return below + (sorted[Math.ceil(at)] - below) * (at % 1);
}

const whole = (value) => Math.round(value).toLocaleString('en');
const HEADINGS = ['', 'requests/s', '(quartiles)', 'of its limit', '(quartiles)', 'CPU µs', 'over the limit'];

export function table(summary) {
  const rows = summary.map((line) => {
    const { scene, requestsPerSecond: rate, ratio, cpuPerRequest, cpuOverLimit: over } = line;
    return [
      scene,
      whole(rate.median),
      `(${whole(rate.low)}–${whole(rate.high)})`,
      ratio ? ratio.median.toFixed(2) : '',
      ratio ? `(${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})` : 'a limit',
      cpuPerRequest.median.toFixed(1),
      over ? `${over.median < 0 ? '' : '+'}${over.median.toFixed(1)}` : '',
    ];
  });
  const widths = HEADINGS.map((heading, i) => Math.max(heading.length, ...rows.map((row) => row[i].length)));
  const format = (cells) => {
    const padded = cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])));
    return `  ${padded.join('  ')}`.trimEnd();
  };
  const lines = [format(HEADINGS)];
  for (const [i, { group }] of summary.entries()) {
    if (group !== summary[i - 1]?.group) lines.push('', group);
    lines.push(format(rows[i]));
  }
  return `${lines.join('\n')}\n`;
}

export function describeMachine({ node, cpu, cores, system, load, ...versions }) {
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `Node ${node}, ${cpu}, ${cores} cores, ${system}, load ${load.toFixed(1)} at the start\n${packages.join(', ')}\n`;
}
