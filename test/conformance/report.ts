// Where we stand, by section and kind: printed after the rows have run, when CONFORMANCE_REPORT is set.

import type { Kind, Row } from './table.js';

type Tally = Record<Kind, { passed: number; failed: number }> & { declined: number };

export class Report {
  readonly #title: string;
  readonly #sections = new Map<string, Tally>();
  readonly #failures: string[] = [];

  constructor(title: string, rows: readonly Row[]) {
    this.#title = title;
    for (const { section } of rows) this.#tally(section);
  }

  declined(row: Row): void {
    this.#tally(row.section).declined++;
  }

  add(row: Row, error?: unknown): void {
    const tally = this.#tally(row.section);
    if (error === undefined) tally[row.kind].passed++;
    else {
      tally[row.kind].failed++;
      const reason = String((error as Error).message).split('\n')[0];
      this.#failures.push(`${row.kind.padEnd(8)} ${row.section} | ${row.name} [${row.id ?? '-'}]: ${reason}`);
    }
  }

  print(): void {
    if (process.env.CONFORMANCE_REPORT === undefined) return;
    const lines = [this.#title, `${'section'.padEnd(52)}     must  optimal    check declined`];
    const sum = this.#empty();
    for (const [section, tally] of this.#sections) {
      lines.push(line(section, tally));
      for (const kind of ['must', 'optimal', 'check'] as const) {
        sum[kind].passed += tally[kind].passed;
        sum[kind].failed += tally[kind].failed;
      }
      sum.declined += tally.declined;
    }
    lines.push(line('all', sum), '', ...this.#failures);
    process.stdout.write(`${lines.join('\n')}\n`);
  }

  #tally(section: string): Tally {
    const tally = this.#sections.get(section) ?? this.#empty();
    this.#sections.set(section, tally);
    return tally;
  }

  #empty(): Tally {
    const none = () => ({ passed: 0, failed: 0 });
    return { must: none(), optimal: none(), check: none(), declined: 0 };
  }
}

/** Passed of all. */
function line(section: string, { must, optimal, check, declined }: Tally): string {
  const cell = ({ passed, failed }: Tally[Kind]) => `${passed}/${passed + failed}`.padStart(9);
  return `${section.slice(0, 52).padEnd(52)}${[must, optimal, check].map(cell).join('')}${String(declined).padStart(9)}`;
}
