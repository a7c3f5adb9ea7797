// How long an invalidation takes, by the number of entries that it reaches.

import { contender, respcache } from './define.js';

const task = (entry) => ({ ...entry, file: 'invalidation.js' });
const ours = (store) => respcache('http', `respcache ${store}`, { store, does: 'tag', quick: true });
const peer = (cache, store, does, more) =>
  contender('http', `${cache} ${store}, ${does}`, { cache, store, does, ...more });

export default [
  {
    name: 'invalidation',
    kind: 'invalidation',
    title: 'Invalidation of all entries of one tag, ms',
    about:
      'Entries of 16 bytes under one tag; the median of 20 calls for ours and bentocache’s, one call for what has to be filled again. ' +
      'A gap: not measured, because it takes minutes, or is not done in this selection.',
    size: 1024,
    quick: true,
    entries: [
      ours('memory'),
      ours('redis'),
      peer('bentocache', 'memory', 'tag'),
      peer('bentocache', 'redis', 'tag'),
      peer('apicache', 'memory', 'group', { most: 10_000, quick: true }),
      peer('plain', 'redis', 'KEYS and DEL'),
      peer('plain', 'redis', 'SCAN and UNLINK', { quick: true }),
      peer('plain', 'redis', 'a set of keys per tag'),
      peer('plain', 'redis', 'a version counter'),
    ].map((entry) => ({ ...task(entry), group: entry.config.store === 'memory' ? 'In memory' : 'On Redis' })),
  },
];
