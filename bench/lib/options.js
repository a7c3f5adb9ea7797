import { fileURLToPath, pathToFileURL } from 'node:url';
import { FLAG, folder, newFile, number, readArguments, regexp, TEXT } from './arguments.js';

const USAGE = `npm run bench -- [options]

  --quick              what is most important, in less than two minutes
  --scene <regexp>     scenes whose names match: hit-1k, hit-50k, miss, miss-buffer, miss-await, compression,
                       latency, stampede, invalidation, memory, cold, keys-10k, keys-1m; and, only if they are named:
                       hit-1m, tags, vary, not-modified, keys-1
  --only <regexp>      contenders whose names ("hit-1k express hit memory") match, and the limits that they are compared with
  --size <list>        hits of these sizes only: 1k, 50k, 1m; several with commas
  --node <list>        majors of the Node that runs the contenders, such as 20,26 (the running one; 22, 24, 26 come with the bench)
  --rounds <n>         how often each contender has its turn (11; quick: 5)
  --starts <n>         how often the processes of a group are started for that: two of the same program differ for as long as
                       they live (1)
  --seconds <n>        how long a turn is (0.2; quick: 0.1)
  --lead-in <n>        how many seconds of a turn go before those that count: a process that has waited for its turn is slower
                       for a while (0.4; quick: none)
  --warming <n>        with how many requests a contender is warmed (else until it gets no faster; quick: two seconds at most)
  --connections <n>    open at the same time, each with one request under way (64)
  --everything         all scenes and contenders: three quarters of an hour; with --quick briefly
  --list               the names, and nothing else
  --json <file>        the result as JSON: to the file, or (-) to the output
  --write              writes the results to docs/performance.md
  --render <file>      measures nothing: takes the results of a --json file; given again, a run that was made in parts is put
                       together
  --dist <folder>      a build of the package (dist); given again, builds are compared with one another
  --profile <folder>   writes a CPU profile of each contender there, and prints where the time went
`;

/**
 * V8 goes on making code faster for tens of thousands of requests: until then it is V8 that is measured. So a contender is
 * warmed in steps of so many requests until the CPU time per request has stopped falling, see lib/warming.js. Large bodies
 * are mostly the kernel's work, and reach `seconds` first; `least` requests are made even then.
 */
const WARMING = {
  full: { step: 5000, patience: 6, least: 1000, most: 150_000, seconds: 12 },
  quick: { step: 2500, patience: 3, least: 200, most: 30_000, seconds: 2 },
};

const OPTIONS = {
  quick: FLAG,
  everything: FLAG,
  list: FLAG,
  write: FLAG,
  json: TEXT,
  render: { ...TEXT, multiple: true },
  rounds: TEXT,
  starts: { ...TEXT, default: '1' },
  seconds: TEXT,
  'lead-in': TEXT,
  warming: TEXT,
  connections: { ...TEXT, default: '64' },
  size: TEXT,
  node: TEXT,
  scene: { ...TEXT, default: '' },
  only: { ...TEXT, default: '' },
  profile: TEXT,
  dist: { ...TEXT, multiple: true, default: [fileURLToPath(new URL('../../dist', import.meta.url))] },
};

/** Reads the command line. Prints and ends the process where there is nothing to run. */
export function readOptions(args) {
  return readArguments(args, { usage: USAGE, options: OPTIONS }, checked);
}

function checked({ quick, everything, list, write, json, render, ...values }) {
  if (quick && write) throw new Error('--write takes the figures of a whole run: leave --quick out');
  const warming = WARMING[quick ? 'quick' : 'full'];
  return {
    ...{ quick, everything, list, write, render },
    json: json === undefined || json === '-' ? json : newFile('json', json),
    rounds: number('rounds', values.rounds ?? (quick ? '5' : '11'), 1, 1000, true),
    starts: number('starts', values.starts, 1, 100, true),
    seconds: number('seconds', values.seconds ?? (quick ? '0.1' : '0.2'), 0.05, 60),
    leadIn: number('lead-in', values['lead-in'] ?? (quick ? '0' : '0.4'), 0, 60),
    warming: values.warming === undefined ? warming : exactly(number('warming', values.warming, 1, 1e6, true), warming),
    connections: number('connections', values.connections, 1, 1024, true),
    size: values.size === undefined ? undefined : sizes(values.size),
    nodes: values.node === undefined ? [undefined] : majors(values.node),
    scene: regexp('scene', values.scene),
    only: regexp('only', values.only),
    dists: values.dist.map((each) => pathToFileURL(folder('dist', each)).href),
    profile: values.profile === undefined ? undefined : folder('profile', values.profile),
  };
}

/** So many requests, however long they take, and whatever they say. */
const exactly = (requests, warming) => ({ ...warming, least: requests, most: requests });

function sizes(list) {
  if (/^(1k|50k|1m)(,(1k|50k|1m))*$/i.test(list)) return list;
  throw new Error(`--size takes 1k, 50k and 1m, several with commas, not ${list}`);
}

function majors(list) {
  if (/^\d+(,\d+)*$/.test(list)) return list.split(',');
  throw new Error(`--node takes majors, such as 20,26, not ${list}`);
}
