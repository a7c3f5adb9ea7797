// What is asked and answered: the same for every contender.

import { generator, Zipf } from '../scaling/random.js';

/** How many URLs are asked for by turns, unless a scene says otherwise: a cache that knows only one would be too easily fast. */
export const URLS = 100;
export const CONTENT_TYPE = 'application/json; charset=utf-8';

/** So many keys are drawn once, and then asked for again and again: drawing takes time, which is the contenders'. */
const DRAWN = 1 << 18;
const SEED = 7;
/** Up to so many requests are kept as bytes. */
const KEPT = 10_000;

export function target(page) {
  return `/users?sort=name&page=${page}`;
}

/** A request's text. The fields are those of a fetch by a browser's script, and the tenant. `more`: further lines. */
export function request(page, more = '') {
  return (
    `GET ${target(page)} HTTP/1.1\r\n` +
    'Host: 127.0.0.1\r\n' +
    'X-Client-Id: client-123\r\n' +
    'Accept: application/json\r\n' +
    'Accept-Encoding: gzip, deflate, br\r\n' +
    'Accept-Language: en-GB,en;q=0.9\r\n' +
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n' +
    `${more}\r\n`
  );
}

/**
 * The requests of a contender, one with each call: `fresh`: for a new page each time; `keys`: of so many pages by Zipf's
 * law; else `urls` pages by turns.
 * @param {{ fresh?: boolean, keys?: number, urls?: number, more?: string }} traffic
 */
export function requests({ fresh = false, keys, urls = URLS, more = '' }) {
  let count = 0;
  if (fresh) return () => request(count++, more);
  if (keys === undefined) {
    const texts = Array.from({ length: urls }, (_, page) => Buffer.from(request(page, more)));
    return () => texts[count++ % urls];
  }
  const [chance, law] = [generator(SEED), new Zipf(keys, 1)];
  const pages = Uint32Array.from({ length: DRAWN }, () => law.rank(chance()));
  const texts = keys <= KEPT ? Array.from({ length: keys }, (_, page) => Buffer.from(request(page, more))) : undefined;
  return () => {
    const page = pages[count++ % DRAWN];
    return texts === undefined ? request(page, more) : texts[page];
  };
}

/** JSON of exactly so many bytes: a list of users, and the rest. It is what `JSON.stringify` makes of what it holds. */
export function payload(size) {
  const users = [];
  const text = (rest) => JSON.stringify({ users, rest });
  for (let id = 1, length = text('').length; length < size; id++) {
    users.push({ id, name: `User ${id}`, mail: `user${id}@example.com` });
    length += JSON.stringify(users.at(-1)).length + 1;
  }
  while (text('').length > size) users.pop();
  return Buffer.from(text('.'.repeat(size - text('').length)));
}
