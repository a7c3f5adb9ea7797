import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    // The sources under the names that users import; the built package has a test of its own (test/package).
    alias: [
      { find: /^respcache$/, replacement: at('./src/index.ts') },
      { find: /^respcache\/(express|koa)$/, replacement: at('./adapters/$1/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
