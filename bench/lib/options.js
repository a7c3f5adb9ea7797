import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const USAGE = `npm run bench -- [options]

  --quick              a first look, in a minute and a half
  --rounds <n>         how often each contender has its turn (31; quick: 7)
  --seconds <n>        how long a turn is (0.4; quick: 0.3)
  --connections <n>    open at the same time, each with one request under way (32)
  --size <n>           bytes of the body, such as 1k (the default) or 50k
  --only <regexp>      contenders whose names match, and the limits that they are compared with
  --list               the names, and nothing else
  --json               the result as JSON
  --dist <folder>      a build of the package (dist); given again, builds are compared with one another
  --profile <folder>   writes a CPU profile of each contender there, and prints where the time went
`;

/** Reads the command line. Prints and ends the process where there is nothing to run. */
export function readOptions(args) {
  try {
    return checked(args);
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}

function checked(args) {
  const text = { type: 'string' };
  const flag = { type: 'boolean', default: false };
  const { values } = parseArgs({
    args,
    options: {
      quick: flag,
      list: flag,
      json: flag,
      help: flag,
      rounds: text,
      seconds: text,
      connections: { ...text, default: '32' },
      size: { ...text, default: '1k' },
      only: { ...text, default: '' },
      profile: text,
      dist: { ...text, multiple: true, default: [fileURLToPath(new URL('../../dist', import.meta.url))] },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  return {
    quick: values.quick,
    list: values.list,
    json: values.json,
    rounds: number('rounds', values.rounds ?? (values.quick ? '7' : '31'), 1, 1000, true),
    seconds: number('seconds', values.seconds ?? (values.quick ? '0.3' : '0.4'), 0.1, 60),
    connections: number('connections', values.connections, 1, 1024, true),
    size: bytes(values.size),
    only: new RegExp(values.only),
    dists: values.dist.map((folder) => pathToFileURL(resolve(folder)).href),
    profile: values.profile === undefined ? undefined : resolve(values.profile),
  };
}

function number(name, text, least, most, whole = false) {
  const value = Number(text);
  if (value >= least && value <= most && (!whole || Number.isInteger(value))) return value;
  throw new Error(`--${name} takes a ${whole ? 'whole ' : ''}number from ${least} to ${most}, not ${text}`);
}

function bytes(text) {
  const [, digits, unit] = /^(\d+)(k|m)?$/i.exec(text) ?? [];
  const size = Number(digits) * { k: 1024, m: 1_048_576 }[unit?.toLowerCase()] || Number(digits);
  if (size >= 100 && size <= 1_048_576) return size;
  throw new Error(`--size takes bytes from 100 to 1m, such as 50k, not ${text}`);
}
