// The rig itself: that it serves without the mode, and that what is wrong does not pass.

import assert from 'node:assert/strict';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { FRAMEWORKS } from '../adapters/hosts.js';
import { httpDate } from './fields.js';
import { Rig } from './rig.js';
import { ROWS } from './rows.js';
import { play } from './stage.js';
import { type Draft, FRESH, forwarded, hit, miss, must, section, validated } from './table.js';

const TAGGED = [...FRESH, ['ETag', '"1"']] as const;

/** Rows that expect what is not so, by what is said of them. */
const WRONG: readonly [RegExp, Draft][] = [
  [/asked 1 times, not 0/, must('a hit that is none', [miss(FRESH), hit({ to: '/other' })])],
  [/asked 0 times, not 1/, must('a miss that is none', [miss(FRESH), forwarded()])],
  [/the status is 200, not 404/, must('a status', [miss(FRESH, { status: 404 })])],
  [/the body: "answer 1", not "x"/, must('a body', [miss(FRESH), hit({ body: 'x' })])],
  [/Age of the answer: 0, not 7/, must('an age', [miss(FRESH), hit({ age: 7 })])],
  [/ETag of the answer: "1", not none/, must('a field that is there', [miss(TAGGED, { lacks: ['ETag'] })])],
  [/ETag of the answer: none, not "2"/, must('a field that is not', [miss(FRESH, { has: [['ETag', '"2"']] })])],
  [/Cache-Status: respcache; hit/, must('another state', [miss(FRESH), hit({ cacheStatus: /fwd/ })])],
  [/the answer is whole/, must('a break', [miss(FRESH, { broken: true })])],
  [
    /If-None-Match of the request to the origin: none/,
    must('a request', [miss(FRESH, { seen: { has: [['If-None-Match', '1']] } })]),
  ],
  [/no condition/, must('a validation', [miss(), validated(FRESH)])],
  [/the connection broke/, must('an answer', [forwarded({ origin: { breaks: 'destroy' } })])],
];

for (const framework of FRAMEWORKS) {
  describe(framework, () => {
    let rig: Rig;
    beforeAll(async () => {
      rig = await Rig.open({ framework, backend: 'memory' });
    });
    afterAll(() => rig.close());

    const rows = section('the rig', must('replays', [miss(TAGGED, { wait: 3 }), hit({ age: 3, of: 1 })]));
    for (const row of rows) {
      it('serves without the mode', () => play(rig, { ...row, options: { mode: 'application' } }));
    }

    for (const [reason, draft] of WRONG) {
      for (const row of section('wrong', draft)) {
        it(`finds ${row.name} that is not so`, () => assert.rejects(play(rig, row), reason));
      }
    }
  });
}

it('writes dates in all three forms', () => {
  const at = Date.UTC(1994, 10, 6, 8, 49, 37);
  assert.equal(httpDate(at), 'Sun, 06 Nov 1994 08:49:37 GMT');
  assert.equal(httpDate(at, 'rfc850'), 'Sunday, 06-Nov-94 08:49:37 GMT');
  assert.equal(httpDate(at, 'asctime'), 'Sun Nov  6 08:49:37 1994');
});

it('has a name of its own for each row, and each test of the public suite once', () => {
  const names = ROWS.map(({ section, name }) => `${section}: ${name}`);
  const ids = ROWS.flatMap(({ id }) => id ?? []);
  assert.equal(new Set(names).size, names.length);
  assert.equal(new Set(ids).size, ids.length);
});
