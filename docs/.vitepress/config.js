// The site of the documentation: the README and the pages of docs/, as they stand in the repository, and the reference that
// `npm run docs` makes of the types.

import { existsSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitepress';

const generated = new URL('../api/typedoc-sidebar.json', import.meta.url);
const reference = existsSync(generated) ? JSON.parse(readFileSync(generated, 'utf8')) : [];

const pages = new URL('../pages/', import.meta.url);

/** A link of the navigation: whether links in texts lead anywhere is checked elsewhere. */
function page(text, link) {
  const file = new URL(`.${link.endsWith('/') ? `${link}index` : link}.md`, pages);
  if (!existsSync(file)) throw new Error(`the navigation names ${link}, which is no page`);
  return { text, link };
}

const GUIDE = [
  page('Getting started', '/docs/getting-started'),
  page('Keys and tenants', '/docs/keys-and-tenants'),
  page('Invalidation', '/docs/invalidation'),
  page('HTTP', '/docs/http'),
  page('Compression', '/docs/compression'),
  page('Stores and tiers', '/docs/stores-and-tiers'),
  page('Strategies', '/docs/strategies'),
  page('Write-behind', '/docs/write-behind'),
  page('Sessions and rate limits', '/docs/sessions-and-limits'),
  page('NestJS', '/docs/nestjs'),
  page('In front of the application', '/docs/in-front'),
  page('Any Node server', '/docs/node'),
  page('Security', '/docs/security'),
  page('Performance', '/docs/performance'),
  page('Scaling', '/docs/scaling'),
  page('Recipes', '/docs/recipes'),
  page('Testing', '/docs/testing'),
];
const OPERATIONS = [page('Operations', '/docs/operations'), page('The command line', '/docs/cli')];
const COMING_FROM = [
  page('apicache', '/docs/from/apicache'),
  page('koa-cash', '/docs/from/koa-cash'),
  page('express-redis-cache', '/docs/from/express-redis-cache'),
  page('@nestjs/cache-manager', '/docs/from/nestjs-cache-manager'),
  page('cache-manager', '/docs/from/cache-manager'),
];
const PROJECT = [
  page('Architecture', '/ARCHITECTURE'),
  page('Changelog', '/CHANGELOG'),
  page('Examples', '/examples/README'),
  page('Benchmarks', '/bench/README'),
  page('The guide, snippet by snippet', '/docs/guide-map'),
];

export default defineConfig({
  title: 'respcache',
  description: 'A response cache for Express and Koa: per tenant, in memory or in Redis, exact about invalidation.',
  // Where `npm run docs` has put the pages of the whole project, as they lie in it.
  srcDir: './pages',
  outDir: './site',
  cacheDir: './.vitepress/cache',
  rewrites: { 'README.md': 'index.md' },
  // Code and licences are read in the repository.
  ignoreDeadLinks: [/\/(?:src|test|adapters|examples|bench)\/(?!README)/, /LICENSE$/],
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      page('Guide', '/docs/getting-started'),
      page('Reference', '/docs/api/'),
      page('Português', '/docs/pt-br/getting-started'),
    ],
    sidebar: [
      { text: 'Guide', items: GUIDE },
      { text: 'Run it', items: OPERATIONS },
      { text: 'Coming from', items: COMING_FROM, collapsed: true },
      { text: 'Project', items: PROJECT, collapsed: true },
      { text: 'Reference', items: reference, collapsed: true },
      {
        text: 'Português',
        items: [page('Início', '/README.pt-BR'), page('Primeiros passos', '/docs/pt-br/getting-started')],
        collapsed: true,
      },
    ],
  },
});
