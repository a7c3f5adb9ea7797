// What respcache must reach, and whether a run says that it does. Medians of ratios; each Node version for itself.

const ratio = (result, scene, name) => rowOf(result, scene, name)?.ratio?.median;
const rowOf = (result, scene, name) =>
  result.scenes.find((each) => each.name === scene)?.rows.find((row) => row.name === name && row.failed === undefined);

/** How often the one answers for each answer of the other, within the rounds of a group that has both; then the median. */
function against(result, scene, name, other) {
  const [mine, theirs] = [rowOf(result, scene, name)?.turns ?? {}, rowOf(result, scene, other)?.turns ?? {}];
  const group = Object.keys(mine).find((each) => theirs[each]?.length === mine[each].length && mine[each].length > 0);
  if (group === undefined) return undefined;
  return middle(mine[group].map((rate, i) => rate / theirs[group][i]).sort((a, b) => a - b));
}

function middle(sorted) {
  const at = (sorted.length - 1) / 2;
  return (sorted[Math.floor(at)] + sorted[Math.ceil(at)]) / 2;
}

const least = (goal, what, value, more = {}) => ({
  what,
  goal: `≥ ${goal}`,
  value,
  reached: (found) => found >= goal,
  ...more,
});
const most = (goal, what, value, more = {}) => ({
  what,
  goal: `≤ ${goal}`,
  value,
  reached: (found) => found <= goal,
  ...more,
});
/** A goal for some majors only. */
const on = (majors) => ({ majors });

const FRONT = ['withCache', 'createServer'];
const GOALS = [
  ...['express', 'koa'].flatMap((stack) =>
    ['1k', '50k'].map((size) =>
      least(0.95, `${stack}, middleware, memory, ${size}: of the bare handler`, (run) =>
        ratio(run, `hit-${size}`, `${stack} hit memory`),
      ),
    ),
  ),
  least(1, 'express, middleware, memory: of apicache', (run) =>
    against(run, 'hit-1k', 'express hit memory', 'express apicache memory'),
  ),
  least(1, 'koa, middleware, memory: of koa-cash', (run) =>
    against(run, 'hit-1k', 'koa hit memory', 'koa koa-cash memory'),
  ),
  ...FRONT.flatMap((mount) => {
    const name = `express ${mount} hit memory`;
    const of = (other) => (run) => against(run, 'hit-1k', name, other);
    return [
      least(0.95, `${mount}, memory: of bare node:http`, (run) => ratio(run, 'hit-1k', name)),
      least(
        5,
        `${mount}, memory: of bare Express`,
        of('express bare'),
        on((major) => major === 20),
      ),
      least(
        6,
        `${mount}, memory: of apicache`,
        of('express apicache memory'),
        on((major) => major === 20),
      ),
      least(
        1.25,
        `${mount}, memory: of bare Express`,
        of('express bare'),
        on((major) => major >= 24),
      ),
      least(
        1.8,
        `${mount}, memory: of apicache`,
        of('express apicache memory'),
        on((major) => major >= 24),
      ),
      least(1, `${mount}, memory: of Varnish on one core`, of('outside varnish')),
      least(0.75, `${mount}, memory: of nginx on one core`, of('outside nginx')),
    ];
  }),
  ...['1k', '50k'].flatMap((size) => [
    least(0.9, `express, middleware, Redis only, ${size}: of one getBuffer`, (run) =>
      ratio(run, `hit-${size}`, 'express hit redis'),
    ),
    least(0.9, `koa, middleware, Redis only, ${size}: of one getBuffer`, (run) =>
      ratio(run, `hit-${size}`, 'koa hit redis'),
    ),
    ...FRONT.map((mount) =>
      least(0.9, `${mount}, Redis only, ${size}: of node:http with one getBuffer`, (run) =>
        ratio(run, `hit-${size}`, `express ${mount} hit redis`),
      ),
    ),
  ]),
  least(
    1.5,
    'createServer, bypass of a `res.json` route: of the same under app.listen',
    (run) => ratio(run, 'miss', 'express createServer bypass'),
    on((major) => major < 24),
  ),
  least(
    1.5,
    'createServer, miss of a `res.json` route: of the same under app.listen',
    (run) => ratio(run, 'miss', 'express createServer miss memory'),
    on((major) => major < 24),
  ),
  least(0.97, 'createServer, bypass of a `res.json` route: never slower', (run) =>
    ratio(run, 'miss', 'express createServer bypass'),
  ),
  least(0.97, 'createServer, miss of a `res.json` route: never slower', (run) =>
    ratio(run, 'miss', 'express createServer miss memory'),
  ),
  ...['express', 'koa'].flatMap((stack) => [
    least(0.95, `${stack}, middleware, miss of a JSON route: of no cache`, (run) =>
      ratio(run, 'miss', `${stack} miss memory`),
    ),
    least(0.95, `${stack}, middleware, bypass of a JSON route: of no cache`, (run) =>
      ratio(run, 'miss', `${stack} bypass`),
    ),
  ]),
  least(0.9, '50 KB of JSON, compress: of the uncompressed hit', (run) =>
    ratio(run, 'compression', 'express hit compress'),
  ),
  most(
    1.5,
    'express, middleware, p99 at half of the limit’s rate: of the bare handler’s',
    (run) => rowOf(run, 'latency', 'express hit memory')?.ratio99?.median,
  ),
  most(
    1.5,
    'koa, middleware, p99 at half of the limit’s rate: of the bare handler’s',
    (run) => rowOf(run, 'latency', 'koa hit memory')?.ratio99?.median,
  ),
  most(
    600,
    'bytes beyond the body per entry in process',
    (run) => rowOf(run, 'memory', 'express respcache memory')?.beyond,
  ),
  most(
    200,
    'bytes beyond the body per entry in Redis',
    (run) => rowOf(run, 'memory', 'express respcache redis')?.beyond,
  ),
];

/**
 * The goals for one Node version, each with what was found: `verdict` is "reached", "not reached", or "not measured" where the
 * run, or the build, had nothing to say of it.
 */
export function judgeGoals(result) {
  const major = Number(/\d+/.exec(result.node)[0]);
  return GOALS.filter(({ majors }) => majors === undefined || majors(major)).map(({ what, goal, value, reached }) => {
    const found = value(result);
    const verdict = found === undefined ? 'not measured' : reached(found) ? 'reached' : 'not reached';
    return { what, goal, found, verdict };
  });
}
