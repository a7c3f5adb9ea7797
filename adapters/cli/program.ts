import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { clear, erase, invalidate } from './changes.js';
import { doctor } from './doctor.js';
import { explain, get, keys } from './entries.js';
import { EXIT, type Failure } from './failure.js';
import { stats, top } from './figures.js';
import { backup, restore } from './files.js';
import { failureOf, type GlobalOptions, type Session, withCache, withLink, withoutPassword } from './session.js';
import { type Streams, Terminal, visible, visibleJson } from './terminal.js';
import { warm } from './warm.js';

const HELP = `
Exit codes: 0 done; 1 it failed (Redis, a damaged file, a problem that doctor found); 2 wrong usage; 130 interrupted.
Redis is found by REDIS_URL or REDIS_HOST, REDIS_PORT, REDIS_PASSWORD and REDIS_DB, the prefix by CACHE_PREFIX, as by the
applications. NO_COLOR takes the colours away. Every command takes --json.`;

/** Runs a command line, without the program's name, and gives its exit code. Never rejects. */
export async function run(args: readonly string[], streams: Streams, signal: AbortSignal): Promise<number> {
  const program = programOf(streams, signal, args.includes('--json'));
  try {
    await program.parseAsync(args, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    if (isUsage(error)) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    const failure = failureOf(error);
    // Whatever fails after Ctrl-C fails because of it; unless it has something to say, nothing is.
    if (signal.aborted && failure.code !== EXIT.interrupted) return EXIT.interrupted;
    tell(failure, streams, program.opts<GlobalOptions>().json);
    return failure.code;
  }
}

/** Commander has said what was wrong, or has shown its help. */
function isUsage(error: unknown): error is { readonly exitCode: number } {
  return error instanceof Error && error.constructor.name === 'CommanderError';
}

/** Says what has failed, to people or to programs. */
export function tell({ message }: Failure, { stderr }: Pick<Streams, 'stderr'>, json = false): void {
  const told = withoutPassword(message);
  if (json) stderr.write(`${visibleJson({ error: told })}\n`);
  else stderr.write(`${told.split('\n').map(visible).join('\n')}\n`);
}

/** What commander says of a mistake, which repeats what was given; what stands behind an option that there is not may be anything. */
function mistakeIn(text: string): string {
  return withoutPassword(text.replace(/^(error: unknown option '[^'=]*)=.*'/s, "$1'"));
}

function programOf(streams: Streams, signal: AbortSignal, json: boolean): Command {
  const program = new Command('respcache')
    .description('Looks at a cache in Redis, changes it, and says how it is.')
    .version((JSON.parse(readFileSync(packageFile(), 'utf8')) as { version: string }).version)
    .option('--redis <url>', 'the Redis to use')
    .addOption(
      new Option(
        '--cluster <nodes>',
        'nodes of a Cluster, host:port,host:port,…, or URLs: rediss://user:password@host:port',
      ).conflicts('redis'),
    )
    .option('--prefix <prefix>', 'the prefix of the cache')
    .option('--json', 'write one JSON document')
    .option('--no-color', 'without colours')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', HELP)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      writeErr: (text) => streams.stderr.write(text),
      outputError: (text, write) => {
        const told = mistakeIn(text);
        write(json ? `${visibleJson({ error: told.trim().replace(/^error: /, '') })}\n` : told);
      },
    });
  const here = (work: (session: Session) => Promise<void>) =>
    withCache(streams, program.opts<GlobalOptions>(), signal, work);
  const near: Near = (work) => withLink(streams, program.opts<GlobalOptions>(), signal, work);
  addFigures(program, near);
  addLooking(program, here);
  program
    .command('doctor')
    .description('looks at everything that the cache depends on')
    .action(() => withLink(streams, program.opts<GlobalOptions>(), signal, doctor, true));
  addChanging(program, here);
  program
    .command('warm [urls...]')
    .description('fill the cache: by an application run here, or by requests to one that runs')
    .option(
      '--app <module>',
      'the module that exports the application (app, or its default), and its cache, if it has one of its own',
    )
    .option('--origin <url>', 'where an application runs')
    .option('--sitemap <path>', 'a sitemap of the application')
    .option('--popular <n>', 'as many of the URLs that were most asked for in the last hour', whole)
    .addOption(several('--tenant <name>', 'for this client'))
    .addOption(tenantHeader())
    .addOption(several('--header <line>', "a field of the requests, 'Name: value'"))
    .option('--host <host>', 'the Host of the requests: a part of the key')
    .option('--concurrency <n>', 'how many at a time', oneOrMore, 4)
    .option('--retries <n>', 'how often again what fails', whole, 2)
    .option('--timeout <seconds>', 'how long a request may take', seconds, 30)
    .action((urls, options) => {
      const all = program.opts<GlobalOptions>();
      return warm(new Terminal(streams, all), signal, urls, { ...all, ...options });
    });
  for (const command of program.commands) command.exitOverride().configureOutput(program.configureOutput());
  return program;
}

type Here = (work: (session: Session) => Promise<void>) => Promise<void>;
/** Without a cache, for which there would be a ledger, which not everybody may read, and which is begun where there is none. */
type Near = (work: Parameters<typeof withLink>[3]) => Promise<void>;

function addFigures(program: Command, near: Near): void {
  program
    .command('stats')
    .description('the figures of all processes')
    .option('--tenant <name>', 'those of one client')
    .action((options) => near((link, prefix, terminal) => stats(link, prefix, terminal, options)));
  program
    .command('top')
    .description('the same, live')
    .option('--interval <seconds>', 'how often', seconds, 2)
    .option('--count <n>', 'how many times', oneOrMore)
    .action((options) => near((link, prefix, terminal, ending) => top(link, prefix, terminal, ending, options)));
}

function addLooking(program: Command, here: Here): void {
  program
    .command('keys')
    .description('what is stored, found in small steps')
    .option('--tenant <name>', 'of one client')
    .option('--pattern <glob>', 'whose names match, as invalidation matches them')
    .option('--limit <n>', 'how many at the most', oneOrMore, 1000)
    .option('--all', 'what was invalidated and is not swept yet, too')
    .action((options) => here((session) => keys(session, options)));
  program
    .command('get <key>')
    .description('a value by its key, the response stored for a URL, or what is under a key as `keys` shows it')
    .option('--tenant <name>', 'of this client')
    .addOption(tenantHeader())
    .addOption(several('--header <line>', "a field of the request, 'Name: value'"))
    .option('--raw', 'its bytes, and nothing else')
    .action((key, options) => here((session) => get(session, key, options)));
  program
    .command('explain <url>')
    .description('what would happen to a request, and why')
    .option('--tenant <name>', 'of this client')
    .addOption(tenantHeader())
    .addOption(several('--header <line>', "a field of the request, 'Name: value'"))
    .option('--method <method>', 'its method')
    .action((url, options) => here((session) => explain(session, url, options)));
}

function addChanging(program: Command, here: Here): void {
  program
    .command('invalidate')
    .description('by keys, tags and patterns')
    .option('--tenant <name>', 'of this client; without it tags count for all')
    .option('--no-tenant', 'of the requests that name no client')
    .addOption(several('--key <key>', "a route's name, a path, or a key of the API"))
    .addOption(several('--tag <tag>', 'what has this tag'))
    .addOption(several('--pattern <glob>', 'what matches'))
    .action((options) => here((session) => invalidate(session, options)));
  program
    .command('clear')
    .description('everything under the prefix')
    .action(() => here(clear));
  program
    .command('erase-tenant <name>')
    .description('a client leaves: delete all that it has')
    .action((name) => here((session) => erase(session, name)));
  program
    .command('backup <file>')
    .description('all that is valid, into one compressed file')
    .addOption(several('--tenant <name>', 'of this client alone'))
    .action((file, options) => here((session) => backup(session, file, options)));
  program
    .command('restore <file>')
    .description('a backup back into the cache, after all of it was verified')
    .addOption(several('--tenant <name>', 'of this client alone'))
    .addOption(new Option('--damaged <what>', 'what becomes of a damaged file').choices(['refuse', 'skip']))
    .addOption(
      new Option('--foreign <what>', 'what becomes of a backup of another ledger').choices(['refuse', 'adopt']),
    )
    .action((file, options) => here((session) => restore(session, file, options)));
}

/** An option that may be given as often as is wanted. */
function several(flags: string, description: string): Option {
  return new Option(flags, `${description} (may be given again)`).argParser((value: string, before?: string[]) => [
    ...(before ?? []),
    value,
  ]);
}

function tenantHeader(): Option {
  return new Option('--tenant-header <name>', 'the header that names the client').default('x-client-id');
}

function whole(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0 && text.trim() !== '') return value;
  throw new InvalidArgumentError('It takes a whole number.');
}

function oneOrMore(text: string): number {
  if (whole(text) > 0) return Number(text);
  throw new InvalidArgumentError('It takes a whole number, 1 or more.');
}

function seconds(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 3600) return value;
  throw new InvalidArgumentError('It takes seconds, above 0 and at most 3600.');
}

/** Beside the sources, or beside the folder of what is built. */
function packageFile(): URL {
  const near = new URL('../../package.json', import.meta.url);
  return near.pathname.includes('/dist/') ? new URL('../../../package.json', import.meta.url) : near;
}
