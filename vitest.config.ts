import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What measures its process, hears what all of it says, or mocks a module that others have loaded, has a process of its own. */
const ALONE = ['chaos/{client-options,leaks,steady}', 'races/model', 'stats/*'].map((name) => `test/${name}.test.ts`);

/** The suite of values once more, as by a URL but for the client's own options: `npm run soak` alone has it. */
const LONG = process.env.EVERY_COMBINATION === undefined ? ['test/service/ioredis6.test.ts'] : [];

/** NestJS 10 and 11 have folders of their own, with what belongs to them: of rxjs the form that Node gives them. */
const nestVersion = (version: string) => [
  { find: /^rxjs$/, replacement: at(`./test/nest/versions/${version}/node_modules/rxjs/dist/cjs/index.js`) },
  {
    find: /^(@nestjs\/[\w-]+|reflect-metadata)$/,
    replacement: at(`./test/nest/versions/${version}/node_modules/$1`),
  },
];

/** The adapter and its tests with one version of NestJS. */
const nest = (version: string) => ({
  extends: true as const,
  ...(version === '12' ? {} : { resolve: { alias: nestVersion(version) } }),
  test: {
    name: `nest ${version}`,
    include: ['test/nest/*.test.ts'],
    env: { NEST_VERSION: version },
  },
});

export default defineConfig({
  resolve: {
    // The sources under the names that users import; the built package has a test of its own (test/package).
    alias: [
      { find: /^respcache$/, replacement: at('./src/index.ts') },
      { find: /^respcache\/testing$/, replacement: at('./src/testing/index.ts') },
      { find: /^respcache\/(express|koa|node|nest)$/, replacement: at('./adapters/$1/index.ts') },
    ],
  },
  test: {
    pool: 'forks',
    // One more than the cores of CI: many tests wait for Redis to fail, to come back, or to move.
    maxWorkers: 3,
    // Most of what a test makes is garbage soon: with more room for what is young, less of it is copied before it goes.
    execArgv: ['--max-semi-space-size=64'],
    setupFiles: [at('./test/support/expectations.ts')],
    // For what hangs, and not for what is slow: on a busy machine a test of a silent network took 20 s, that of an example 10.
    testTimeout: 60_000,
    // On a busy machine a second is short, and a breaker stays open for as long.
    expect: { poll: { timeout: 10_000 } },
    hookTimeout: 60_000,
    projects: [
      {
        // One process for many files: most of them would spend more time on loading the same modules than on their tests.
        extends: true,
        test: {
          name: 'together',
          isolate: false,
          include: ['test/**/*.test.ts'],
          exclude: [...ALONE, ...LONG, 'test/nest/**'],
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: ALONE },
      },
      ...['10', '11', '12'].map(nest),
    ],
  },
});
