const CODES = { red: 31, green: 32, yellow: 33, magenta: 35, dim: 2, bold: 1 };

/**
 * A function that colours a text, or leaves it as it is where colours are not wanted (https://no-color.org) or cannot
 * be shown.
 *
 * @param {{ isTTY?: boolean }} [stream]
 * @param {Record<string, string | undefined>} [env]
 */
export function painter(stream = process.stdout, env = process.env) {
  const coloured = stream.isTTY && !env.NO_COLOR && env.TERM !== 'dumb';
  return (colour, text) => (coloured && colour ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text);
}

/**
 * Lays out rows in columns.
 *
 * @param {{ title: string, right?: boolean }[]} columns
 * @param {string[][]} rows
 * @param {(rowIndex: number, columnIndex: number) => string | undefined} colourOf
 * @param {ReturnType<typeof painter>} paint
 */
export function table(columns, rows, colourOf, paint) {
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const aligned = (texts, colour) =>
    texts
      .map((text, i) => {
        const padded = columns[i].right ? text.padStart(widths[i]) : text.padEnd(widths[i]);
        return paint(colour(i), padded);
      })
      .join('  ')
      .trimEnd();
  const titles = columns.map(({ title }) => title);
  const rule = widths.map((width) => '─'.repeat(width));
  return [
    aligned(titles, () => 'bold'),
    aligned(rule, () => 'dim'),
    ...rows.map((row, index) => aligned(row, (i) => colourOf(index, i))),
  ].join('\n');
}
