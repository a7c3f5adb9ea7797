// Hits that have more to be judged: tags, Vary, conditions.

import { contender, hit } from './define.js';

const SIZE = 1024;
const common = { kind: 'rounds', size: SIZE, quick: false, extra: true };
const STACKS = ['express', 'koa'];

function withOptions(name, title, options) {
  const entries = STACKS.flatMap((stack) => [
    contender(stack, 'bare'),
    contender(stack, 'one getBuffer', { store: 'redis', cache: 'redis' }),
    hit(stack, 'memory', { options }),
    hit(stack, 'redis', { options }),
  ]);
  return { ...common, name, title, about: 'Compared with handlers that know nothing of it.', entries };
}

/** A 304 has no body. The tag is asked of the contender first. */
const notModified = {
  ...common,
  name: 'not-modified',
  title: '304 Not Modified',
  about: 'If-None-Match with the tag of what is stored; the bare handlers compare one text.',
  entries: ['http', ...STACKS]
    .flatMap((stack) => {
      const more = { does: 'not modified', traffic: { condition: true }, expected: { status: 304 } };
      const bare = contender(stack, 'bare', more);
      return stack === 'http'
        ? [bare]
        : [bare, hit(stack, 'memory', more), hit(stack, 'redis', { ...more, limit: `${stack} bare` })];
    })
    .concat(
      hit('express', 'memory', {
        mount: 'withCache',
        does: 'not modified',
        traffic: { condition: true },
        expected: { status: 304 },
      }),
    ),
};

export default [
  withOptions('tags', 'Hits with three tags', { tags: ['users', 'lists', 'page'] }),
  withOptions('vary', 'Hits with Vary: Accept-Language', { vary: ['accept-language'] }),
  notModified,
];
