// All tables together, and how they are run as tests.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DIRECTIVES } from './directives.table.js';
import { FAMILY } from './family.table.js';
import { FRESHNESS } from './freshness.table.js';
import { INVALIDATION } from './invalidation.table.js';
import { PASSING } from './passing.table.js';
import { RANGE } from './range.table.js';
import { Report } from './report.js';
import { Rig, type Subject } from './rig.js';
import { play } from './stage.js';
import { STALE } from './stale.table.js';
import { STORING } from './storing.table.js';
import type { Row } from './table.js';
import { VALIDATION } from './validation.table.js';
import { VARY } from './vary.table.js';

export const ROWS: readonly Row[] = [
  ...PASSING,
  ...STORING,
  ...FRESHNESS,
  ...VARY,
  ...VALIDATION,
  ...INVALIDATION,
  ...DIRECTIVES,
  ...STALE,
  ...RANGE,
  ...FAMILY,
];

/** What depends on what a framework does to a response; of the rest, every tenth. */
const WRITING = /^Passing|§4\.3\.[345]|RFC 5861/;

export const REPRESENTATIVE: readonly Row[] = ROWS.filter(({ section }, i) => WRITING.test(section) || i % 10 === 0);

/** What depends on how a handler reads the request and writes its head. */
export const BY_STYLE: readonly Row[] = ROWS.filter(({ section }) => /^Passing|§4\.3\.[134]/.test(section));

/** Runs rows against one application, each as a test of its own. */
export function run(subject: Subject, rows: readonly Row[]): void {
  const { framework, backend, style = 'verbatim' } = subject;
  const title = `${framework} on ${backend}, ${style}`;
  describe(title, () => {
    let rig: Rig;
    const report = new Report(title, rows);
    beforeAll(async () => {
      rig = await Rig.open(subject);
    });
    afterAll(async () => {
      report.print();
      await rig.close();
    });
    for (const row of rows) {
      if (row.declined !== undefined) {
        // It is documented that this is otherwise here: so it has to be.
        it(`${row.section}: not ${row.name} (${row.declined})`, () => expect(play(rig, row)).rejects.toThrow());
        report.declined(row);
        continue;
      }
      it(`${row.section}: ${row.name} (${row.kind})`, async () => {
        try {
          await play(rig, row);
          report.add(row);
        } catch (error) {
          report.add(row, error);
          throw error;
        }
      });
    }
  });
}
