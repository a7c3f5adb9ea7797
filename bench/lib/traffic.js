// What is asked and answered: the same for every contender.

/** How many URLs are asked for by turns: a cache that knows only one of them would be too easy to be fast. */
export const URLS = 100;
export const CONTENT_TYPE = 'application/json; charset=utf-8';

export function target(page) {
  return `/users?sort=name&page=${page}`;
}

/** A request's text. The fields are those of a fetch by a browser's script, and the tenant. */
export function request(page) {
  return (
    `GET ${target(page)} HTTP/1.1\r\n` +
    'Host: 127.0.0.1\r\n' +
    'X-Client-Id: client-123\r\n' +
    'Accept: application/json\r\n' +
    'Accept-Encoding: gzip, deflate, br\r\n' +
    'Accept-Language: en-GB,en;q=0.9\r\n' +
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n' +
    '\r\n'
  );
}

/** JSON of exactly so many bytes: a list of users, and the rest. */
export function payload(size) {
  const users = [];
  const text = (rest) => JSON.stringify({ users, rest });
  for (let id = 1; text('').length < size; id++) users.push({ id, name: `User ${id}`, mail: `user${id}@example.com` });
  users.pop();
  return Buffer.from(text('.'.repeat(Math.max(0, size - text('').length))));
}
