// How long an invalidation takes, by the number of entries that it reaches.

import { contender, respcache } from './define.js';

const task = (entry) => ({ ...entry, file: 'invalidation.js' });
/** A million takes long to be put there: of ours once per store, the tag; who is slow is asked for fewer. */
const FEWER = { most: 100_000 };
const ours = (store, does) =>
  respcache('http', `respcache ${store}, ${does}`, { store, does, ...(does === 'tag' ? { quick: true } : FEWER) });
const peer = (cache, store, does, more) =>
  contender('http', `${cache} ${store}, ${does}`, { cache, store, does, ...more });

export default [
  {
    name: 'invalidation',
    kind: 'invalidation',
    title: 'Invalidation of all entries, ms',
    about:
      'Entries of 16 bytes, all under one tag and one tenant. First: with all of them there, the code not warm; again: the median of 20 more calls, where ' +
      'a call costs the same however many entries there are. A gap: it was not asked for so many, because that takes minutes.',
    size: 1024,
    quick: true,
    entries: [
      ...['tag', 'pattern', 'tenant'].map((does) => ours('memory', does)),
      ...['tag', 'pattern', 'tenant'].map((does) => ours('redis', does)),
      peer('bentocache', 'memory', 'tag', FEWER),
      peer('bentocache', 'redis', 'tag', FEWER),
      peer('apicache', 'memory', 'group', { most: 5000, quick: true }),
      peer('plain', 'redis', 'KEYS and DEL'),
      peer('plain', 'redis', 'SCAN and UNLINK', { quick: true }),
      peer('plain', 'redis', 'a set of keys per tag'),
      peer('plain', 'redis', 'a version counter'),
    ].map((entry) => ({ ...task(entry), group: entry.config.store === 'memory' ? 'In memory' : 'On Redis' })),
  },
];
