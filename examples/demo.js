import { config } from './demo/config.js';

const USAGE = `Usage: npm run demo [-- --serve]

  Runs the example applications (Express and Koa), sends them requests as two tenants would, checks every answer,
  and prints what the cache did. Exits 1 if something is not as it should be.

  --serve   keeps both applications running instead (ports 3000 and 3001, or free ones), and says what to try
  --help    prints this

Environment:
  REDIS_URL     runs on that Redis, for example redis://localhost:6379; without it in this process' memory
  ADMIN_TOKEN   with --serve: opens the figures by tenant, POST /cache/clear and /cache/invalidate
  NO_COLOR      no colours`;

// Loaded when asked for: whoever asks for help need not wait for two frameworks.
const MODES = {
  '--serve': async () => (await import('./demo/serve.js')).serve,
  '--help': async () => () => console.log(USAGE),
  '': async () => (await import('./demo/demonstrate.js')).demonstrate,
};

async function main(args) {
  const unknown = args.find((arg) => arg === '' || !Object.hasOwn(MODES, arg));
  if (unknown !== undefined) {
    console.error(`Unknown argument: ${unknown}\n\n${USAGE}`);
    return 2;
  }
  const mode = args.includes('--help') ? '--help' : (args[0] ?? '');
  try {
    const run = await MODES[mode]();
    return (await run(config())) ?? 0;
  } catch (error) {
    // A variable in the environment that cannot be used: its message says all there is to say.
    console.error(error.code === 'ERR_RESPCACHE_CONFIG' ? error.message : error);
    return 1;
  }
}

// Whoever reads along may leave before the end (`npm run demo | head`); there is still to be tidied up.
process.stdout.on('error', () => {});

// Not process.exit(): if the applications left something open, this process would hang, and that should be seen.
process.exitCode = await main(process.argv.slice(2));
