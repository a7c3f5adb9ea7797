// RFC 9111 §4.4, RFC 9110 §9.3.3, RFC 9875: what unsafe methods do to what is stored.
//
// Chosen where the standards leave it open:
// - `Location` and `Content-Location` of the same origin are invalidated, too; also by what is redirected (3xx).
// - Methods that are safe (`OPTIONS`, `PROPFIND`, `REPORT`, `SEARCH`) invalidate nothing.
// - `Cache-Group-Invalidation` of an answer that is an error is not there. A group belongs to a tenant.

import type { Fields } from './fields.js';
import {
  cacheControl,
  check,
  type Draft,
  FRESH,
  forwarded,
  hit,
  miss,
  must,
  optimal,
  type Row,
  type Step,
  section,
  validated,
} from './table.js';

const UNSAFE = ['POST', 'PUT', 'DELETE', 'M-SEARCH'];

const change = (method: string, more: Step = {}): Step => forwarded({ method, sends: 'abc', ...more });

const unsafe = (method: string): Draft[] => [
  must(`${method} that succeeds`, [miss(FRESH, { wait: 3 }), change(method), forwarded()], `invalidate-${method}`),
  optimal(
    `${method} that fails`,
    [miss(FRESH, { wait: 3 }), change(method, { origin: { status: 500 } }), hit({ of: 1 })],
    `invalidate-${method}-failed`,
  ),
  check(
    `${method}, and its Location`,
    [
      miss(FRESH, { to: '/target' }),
      change(method, { origin: { fields: [['Location', '{path}/target']] } }),
      forwarded({ to: '/target' }),
    ],
    `invalidate-${method}-location`,
  ),
  check(
    `${method}, and its Content-Location`,
    [
      miss(FRESH, { to: '/target' }),
      change(method, { origin: { fields: [['Content-Location', '{path}/target']] } }),
      forwarded({ to: '/target' }),
    ],
    `invalidate-${method}-cl`,
  ),
];

/** `/target` is stored, and a POST elsewhere names it. */
const naming = (field: string, value: string, then: Step): Step[] => [
  miss(FRESH, { to: '/target' }),
  change('POST', { origin: { fields: [[field, value]] } }),
  { ...then, to: '/target', ...(then.from === 'cache' ? { of: 1 } : {}) },
];

/** A response in the group `name`, and an answer elsewhere that names groups. */
const grouped = (groups: Fields, answer: Step, then: Step): Step[] => [
  miss([...FRESH, ...groups], { to: '/member' }),
  { to: '/elsewhere', from: 'origin', ...answer },
  { ...then, to: '/member', ...(then.from === 'cache' ? { of: 1 } : {}) },
];

const groups = (value: string): Fields => [['Cache-Groups', value]];
const ending = (value: string, more: Step = {}): Step =>
  change('POST', { ...more, origin: { ...more.origin, fields: [['Cache-Group-Invalidation', value]] } });

export const INVALIDATION: Row[] = [
  ...section(
    'RFC 9111 §4.4: invalidation',
    UNSAFE.flatMap(unsafe),
    must('PATCH that succeeds', [miss(FRESH), change('PATCH'), forwarded()]),
    ...[201, 204, 206, 303].map((status) =>
      must(`${status} is success`, [
        miss(FRESH),
        change('POST', { origin: { status, body: status === 204 ? '' : 'x' } }),
        forwarded(),
      ]),
    ),
    ...[400, 404, 409, 412, 503].map((status) =>
      optimal(`${status} is not`, [miss(FRESH), change('POST', { origin: { status } }), hit({ of: 1 })]),
    ),
    optimal('a connection that breaks is not', [
      miss(FRESH),
      change('POST', { origin: { breaks: 'gateway' }, status: 502 }),
      hit({ of: 1 }),
    ]),
    ...['OPTIONS', 'HEAD', 'PROPFIND', 'REPORT', 'SEARCH'].map((method) =>
      optimal(`${method} invalidates nothing`, [
        miss(FRESH, { to: '?a' }),
        { method, to: method === 'HEAD' ? '' : '?a', from: 'origin' },
        hit({ to: '?a', of: 1 }),
      ]),
    ),
    must('a response with a validator is gone, too', [
      miss([...FRESH, ['ETag', '"a"']]),
      change('PUT'),
      forwarded({ seen: { lacks: ['If-None-Match'] } }),
    ]),
    must('all variants', [
      miss([], { fields: [['Foo', '1']], origin: { fields: [...FRESH, ['Vary', 'Foo']] } }),
      miss([], { fields: [['Foo', '2']], origin: { fields: [...FRESH, ['Vary', 'Foo']] } }),
      change('POST'),
      forwarded({ fields: [['Foo', '1']] }),
      forwarded({ fields: [['Foo', '2']] }),
    ]),
    optimal('no other URL', [
      miss(FRESH, { to: '/other' }),
      miss(FRESH, { to: '?a=1' }),
      change('POST'),
      hit({ to: '/other', of: 1 }),
      hit({ to: '?a=1', of: 2 }),
    ]),
    must('a URL with its query', [
      miss(FRESH, { to: '?a=1' }),
      change('POST', { to: '?a=1' }),
      forwarded({ to: '?a=1' }),
    ]),
    must("no other tenant's", [
      miss(FRESH, { fields: [['X-Client-Id', 'a']] }),
      change('POST', { fields: [['X-Client-Id', 'b']] }),
      hit({ fields: [['X-Client-Id', 'a']], of: 1 }),
    ]),
    check('Location as an absolute URL', naming('Location', 'http://{host}{path}/target', forwarded())),
    check('Location as a relative one', [
      miss(FRESH, { to: '/target' }),
      change('POST', { to: '/source', origin: { status: 201, fields: [['Location', 'target']] } }),
      forwarded({ to: '/target' }),
    ]),
    check('Location of a redirect', [
      miss(FRESH, { to: '/target' }),
      change('POST', { origin: { status: 303, fields: [['Location', '{path}/target']] } }),
      forwarded({ to: '/target' }),
    ]),
    must('Location of another origin', naming('Location', 'http://other.example{path}/target', hit())),
    must('Content-Location of another origin', naming('Content-Location', '//other.example{path}/target', hit())),
    must('another port is another origin', naming('Location', 'http://127.0.0.1:1{path}/target', hit())),
    must('another scheme, too', naming('Location', 'https://{host}{path}/target', hit())),
    must('Location that is no URL', naming('Location', 'http://[', hit())),
    must('Location of a failure', [
      miss(FRESH, { to: '/target' }),
      change('POST', { origin: { status: 400, fields: [['Location', '{path}/target']] } }),
      hit({ to: '/target', of: 1 }),
    ]),
    must('Location of a GET', [
      miss(FRESH, { to: '/target' }),
      forwarded({ origin: { status: 302, fields: [['Location', '{path}/target']] } }),
      hit({ to: '/target', of: 1 }),
    ]),
  ),
  ...section(
    'RFC 9110 §9.3.3: POST',
    optimal(
      'with a lifetime and its own URL as Content-Location: answers GET',
      [
        miss(
          [
            ['Expires', 30 * 86_400],
            ['Content-Location', '{path}'],
          ],
          { method: 'POST', sends: '12345', fields: [['Content-Type', 'text/plain']], wait: 3 },
        ),
        hit({ age: 3 }),
      ],
      'method-POST',
    ),
    optimal('as an absolute URL', [
      miss([...FRESH, ['Content-Location', 'http://{host}{path}']], { method: 'POST', sends: 'x' }),
      hit(),
    ]),
    optimal('answers HEAD', [
      miss([...FRESH, ['Content-Location', '{path}']], { method: 'POST', sends: 'x' }),
      hit({ method: 'HEAD' }),
    ]),
    must('no other POST', [
      miss([...FRESH, ['Content-Location', '{path}']], { method: 'POST', sends: 'x' }),
      forwarded({ method: 'POST', sends: 'x' }),
    ]),
    must('not without Content-Location', [miss(FRESH, { method: 'POST', sends: 'x' }), forwarded()]),
    must('not with that of another URL', [
      miss([...FRESH, ['Content-Location', '{path}/other']], { method: 'POST', sends: 'x' }),
      forwarded(),
      forwarded({ to: '/other' }),
    ]),
    must('not with that of another query', [
      miss([...FRESH, ['Content-Location', '{path}?a=1']], { method: 'POST', sends: 'x' }),
      forwarded(),
    ]),
    must('not with that of another host', [
      miss([...FRESH, ['Content-Location', 'http://other.example{path}']], { method: 'POST', sends: 'x' }),
      forwarded(),
    ]),
    must('not without a lifetime', [
      miss(
        [
          ['Content-Location', '{path}'],
          ['Last-Modified', -86_400],
          ['ETag', '"a"'],
        ],
        { method: 'POST', sends: 'x' },
      ),
      forwarded({ seen: { lacks: ['If-None-Match'] } }),
    ]),
    must('not with private or no-store', [
      miss([...cacheControl('private, max-age=60'), ['Content-Location', '{path}']], { method: 'POST', sends: 'x' }),
      forwarded(),
      miss([...cacheControl('no-store, max-age=60'), ['Content-Location', '{path}']], { method: 'POST', sends: 'x' }),
      forwarded(),
    ]),
    must('not a PUT', [miss([...FRESH, ['Content-Location', '{path}']], { method: 'PUT', sends: 'x' }), forwarded()]),
    must('it takes the place of what it invalidates', [
      miss(FRESH),
      miss([...FRESH, ['Content-Location', '{path}']], { method: 'POST', sends: 'x' }),
      hit({ of: 2 }),
    ]),
    optimal('and is validated like others', [
      miss([...cacheControl('max-age=2'), ['Content-Location', '{path}'], ['ETag', '"a"']], {
        method: 'POST',
        sends: 'x',
        wait: 3,
      }),
      validated([['ETag', '"a"']], { seen: { method: 'GET', has: [['If-None-Match', '"a"']] } }),
    ]),
  ),
  ...section(
    'RFC 9875: groups',
    optimal('the members of a group', [
      miss([...FRESH, ...groups('"one{path}"')], { to: '/a' }),
      miss([...FRESH, ...groups('"one{path}"')], { to: '/b' }),
      ending('"one{path}"'),
      forwarded({ to: '/a' }),
      forwarded({ to: '/b' }),
    ]),
    optimal('any of its groups', grouped(groups('"x{path}", "y{path}"'), ending('"y{path}"'), forwarded())),
    optimal(
      'in several lines',
      grouped([...groups('"x{path}"'), ...groups('"y{path}"')], ending('"z", "y{path}"'), forwarded()),
    ),
    optimal('with parameters', grouped(groups('"x{path}";a=1'), ending('"x{path}";b'), forwarded())),
    optimal('with an escaped quote', grouped(groups('"a\\"{path}"'), ending('"a\\"{path}"'), forwarded())),
    must('no other group', grouped(groups('"x{path}"'), ending('"y{path}"'), hit())),
    must('case matters', grouped(groups('"x{path}"'), ending('"X{path}"'), hit())),
    must(
      'not by a GET',
      grouped(
        groups('"x{path}"'),
        { from: 'origin', origin: { fields: [['Cache-Group-Invalidation', '"x{path}"']] } },
        hit(),
      ),
    ),
    must(
      'nor by a HEAD',
      grouped(
        groups('"x{path}"'),
        { method: 'HEAD', from: 'origin', origin: { fields: [['Cache-Group-Invalidation', '"x{path}"']] } },
        hit(),
      ),
    ),
    ...[400, 404, 500, 503].map((status) =>
      check(`not by a ${status}`, grouped(groups('"x{path}"'), ending('"x{path}"', { origin: { status } }), hit())),
    ),
    optimal('by a 204', grouped(groups('"x{path}"'), ending('"x{path}"', { origin: { status: 204 } }), forwarded())),
    optimal('by a DELETE', grouped(groups('"x{path}"'), ending('"x{path}"', { method: 'DELETE' }), forwarded())),
    must("no other tenant's", [
      miss([...FRESH, ...groups('"x{path}"')], { to: '/member', fields: [['X-Client-Id', 'a']] }),
      ending('"x{path}"', { fields: [['X-Client-Id', 'b']] }),
      hit({ to: '/member', fields: [['X-Client-Id', 'a']], of: 1 }),
    ]),
    check('a list that cannot be read', grouped(groups('"x{path}"'), ending('"x{path}", &'), hit())),
    check('members that are no strings', grouped(groups('x'), ending('x'), hit())),
    check(
      'groups that cannot be read: the response is stored',
      grouped(groups('"x{path}", &'), ending('"x{path}"'), hit()),
    ),
    must(
      'a response that is in 32 groups',
      grouped(groups(Array.from({ length: 32 }, (_, i) => `"${i}{path}"`).join()), ending('"31{path}"'), forwarded()),
    ),
    must('the fields are passed on', [
      miss([...FRESH, ...groups('"x{path}"')], { has: groups('"x{path}"') }),
      hit({ has: groups('"x{path}"') }),
    ]),
    optimal('groups that a 304 has changed', [
      miss([...cacheControl('max-age=2'), ['ETag', '"a"'], ...groups('"x{path}"')], { to: '/member', wait: 3 }),
      validated([...FRESH, ['ETag', '"a"'], ...groups('"y{path}"')], { to: '/member' }),
      ending('"y{path}"'),
      forwarded({ to: '/member' }),
    ]),
  ),
];
