// The two charts. uPlot draws on canvases: it needs no style but what it sets through the CSSOM, as the policy wants.

import { byId, element, fillList, setText } from './dom.js';
import { count, DASH, duration, isNumber, joined, rate, timeOfDay } from './format.js';
import { columnsOf, OUTCOMES, WINDOW } from './timeline.js';

const uPlot = /** @type {any} */ (globalThis).uPlot;

const NAMES = /** @type {Record<string, string>} */ ({
  fresh: 'Fresh',
  collapsed: 'Collapsed',
  stale: 'Stale',
  revalidated: 'Revalidated',
  miss: 'Miss',
  bypass: 'Bypass',
});

/**
 * @typedef {object} Line
 * @property {string} name
 * @property {string} color a custom property of the style sheet
 * @property {(number | null)[]} values what the legend shows; the chart may draw another form of it
 */

/** Both charts, which are drawn anew with each report, and when the colour scheme changes. */
export function createCharts() {
  const outcomes = new Chart('outcomes', {
    series: [...OUTCOMES].reverse().map((outcome) => ({ ...bars(), ...paint(`--${outcome}`, true) })),
    scale: { range: (/** @type {any} */ _u, /** @type {number} */ _min, /** @type {number} */ max) => [0, roof(max)] },
    axis: { size: 44, values: (/** @type {any} */ _u, /** @type {number[]} */ marks) => marks.map(axisCount) },
    show: (value) => rate(value),
    unit: 'per second',
  });
  const latency = new Chart('latency', {
    series: ['fresh', 'miss'].map((outcome) => ({ width: 1.5, points: alone(), ...paint(`--${outcome}`, false) })),
    scale: { distr: 3, range: decades },
    axis: {
      splits: (/** @type {any} */ _u, /** @type {number} */ _i, /** @type {number} */ min, /** @type {number} */ max) =>
        decadesBetween(min, max),
      values: (/** @type {any} */ _u, /** @type {number[]} */ marks) => marks.map((mark) => joined(axisTime(mark))),
      filter: (/** @type {any} */ _u, /** @type {number[]} */ marks) => marks,
    },
    show: (value) => (value === null ? DASH : joined(duration(value))),
    unit: 'mean time',
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    outcomes.redraw();
    latency.redraw();
  });
  return {
    /** @param {any} report */
    show(report) {
      const { times, rates, hit, miss } = columnsOf(report);
      outcomes.update(
        times,
        stacked(rates),
        OUTCOMES.map((outcome, index) => line(NAMES[outcome] ?? outcome, `--${outcome}`, rates[index] ?? [])),
      );
      latency.update(times, [hit, miss], [line('Hits', '--fresh', hit), line('Misses', '--miss', miss)]);
    },
  };
}

class Chart {
  /** @type {string} */ #id;
  /** @type {any} */ #plot;
  /** @type {Line[]} */ #lines = [];
  /** @type {number[]} */ #times = [];
  /** @type {(value: number | null) => string} */ #show;
  /** @type {string} */ #unit;

  /** @param {string} id @param {{ series: object[], scale: object, axis: object, show: (value: number | null) => string, unit: string }} options */
  constructor(id, { series, scale, axis, show, unit }) {
    this.#id = id;
    this.#show = show;
    this.#unit = unit;
    const place = byId(`${id}-chart`);
    const look = { stroke: () => color('--quiet'), font: '11px system-ui, sans-serif', ticks: { show: false } };
    const grid = { stroke: () => color('--grid'), width: 1 };
    this.#plot = new uPlot(
      {
        width: Math.max(1, place.clientWidth),
        height: place.clientHeight,
        padding: [8, 4, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false }, sync: { key: 'respcache' } },
        scales: { x: { time: true, range: (/** @type {any} */ u) => windowOf(u.data[0]) }, y: scale },
        axes: [
          { ...look, grid: { show: false }, size: 24, gap: 6, space: 70, values: clockMarks },
          { ...look, grid, size: 52, gap: 8, space: 34, ...axis },
        ],
        series: [{}, ...series],
        hooks: { setCursor: [() => this.#tell()] },
      },
      [[], ...series.map(() => [])],
      place,
    );
    new ResizeObserver(() => {
      this.#plot.setSize({ width: Math.max(1, place.clientWidth), height: place.clientHeight });
    }).observe(place);
    place.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => this.#move(event));
    place.addEventListener('blur', () => this.#plot.setCursor({ left: -10, top: -10 }));
  }

  /** @param {number[]} times @param {(number | null)[][]} drawn @param {Line[]} lines */
  update(times, drawn, lines) {
    this.#times = times;
    this.#lines = lines;
    this.#plot.setData([times, ...drawn]);
    this.#tell();
  }

  redraw() {
    this.#plot.redraw(false, true);
    this.#tell();
  }

  /** The arrow keys move the cursor, as the pointer does. */
  #move(/** @type {KeyboardEvent} */ event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -12, PageDown: 12 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const last = this.#times.length - 1;
    const index = Math.min(last, Math.max(0, (this.#plot.cursor.idx ?? last + 1) + by));
    this.#plot.setCursor({ left: this.#plot.valToPos(this.#times[index], 'x'), top: 1 });
  }

  /** The legend: the values under the cursor, else the means of the window. */
  #tell() {
    const index = this.#plot?.cursor.left >= 0 ? this.#plot.cursor.idx : null;
    const at = isNumber(index) ? this.#times[index] : undefined;
    setText(
      byId(`${this.#id}-at`),
      at === undefined ? `${this.#unit}, last 15 min` : `${this.#unit}, ${timeOfDay(at * 1000)}`,
    );
    const texts = this.#lines.map(({ values }) =>
      this.#show(at === undefined ? mean(values) : (values[/** @type {number} */ (index)] ?? null)),
    );
    fillList(
      byId(`${this.#id}-legend`),
      this.#lines,
      () => element('li', '', element('i'), element('span'), element('b')),
      (item, each) => {
        const [swatch, name, figure] = item.children;
        swatch.style.background = `var(${each.color})`;
        setText(name, each.name);
        setText(figure, texts[this.#lines.indexOf(each)] ?? DASH);
      },
    );
    // To assistive technology the chart is a slider over time: its text is what the legend says at that place.
    const place = byId(`${this.#id}-chart`);
    const said = this.#lines.map(({ name }, each) => `${name} ${texts[each]}`).join(', ');
    const when = at === undefined ? `Means of 15 minutes, ${this.#unit}` : `${timeOfDay(at * 1000)}, ${this.#unit}`;
    place.setAttribute('aria-valuemax', String(Math.max(0, this.#times.length - 1)));
    place.setAttribute('aria-valuenow', String(index ?? Math.max(0, this.#times.length - 1)));
    place.setAttribute('aria-valuetext', `${when}: ${said}`);
  }
}

/** @param {string} name @param {string} property @param {(number | null)[]} values @returns {Line} */
function line(name, property, values) {
  return { name, color: property, values };
}

/** Running sums over the outcomes, the highest first: what is drawn later covers its lower part. */
function stacked(/** @type {(number | null)[][]} */ rates) {
  const sums = rates.map((_, upTo) =>
    (rates[0] ?? []).map((first, index) =>
      first === null ? null : rates.slice(0, upTo + 1).reduce((sum, each) => sum + (each[index] ?? 0), 0),
    ),
  );
  return sums.reverse();
}

function bars() {
  return { paths: uPlot.paths.bars({ size: [1, 64], gap: 0, align: 1 }), points: { show: false } };
}

/** Points only where a value has no neighbours, and so no line. */
function alone() {
  return {
    show: true,
    size: 4,
    filter: (/** @type {any} */ u, /** @type {number} */ series) => {
      const values = u.data[series];
      return values.flatMap((/** @type {number | null} */ value, /** @type {number} */ index) =>
        value !== null && (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null ? [index] : [],
      );
    },
  };
}

/** Colours are asked for at each drawing: the scheme may have changed. */
function paint(/** @type {string} */ property, /** @type {boolean} */ filled) {
  if (filled) return { width: 0, fill: () => color(property), stroke: () => color(property) };
  return { stroke: () => color(property) };
}

function color(/** @type {string} */ property) {
  return getComputedStyle(document.documentElement).getPropertyValue(property).trim();
}

/** @param {(number | null)[]} values */
function mean(values) {
  const known = values.filter(isNumber);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** @param {number[]} times @returns {[number, number]} */
function windowOf(times) {
  const first = times[0] ?? Date.now() / 1000 - WINDOW;
  const step = (times[1] ?? first + 5) - first;
  return [first, (times.at(-1) ?? first + WINDOW) + step];
}

/** A little room above the highest bar, and never a scale without extent. */
function roof(/** @type {number | null} */ max) {
  return Math.max(1, (max ?? 0) * 1.06);
}

/** Whole decades, in ms, around the values. @returns {[number, number]} */
function decades(/** @type {any} */ _u, /** @type {number | null} */ min, /** @type {number | null} */ max) {
  if (!min || !max) return [0.1, 100];
  const low = Math.floor(Math.log10(min));
  return [10 ** low, 10 ** Math.max(low + 1, Math.ceil(Math.log10(max)))];
}

function decadesBetween(/** @type {number} */ min, /** @type {number} */ max) {
  const from = Math.round(Math.log10(min));
  return Array.from({ length: Math.round(Math.log10(max)) - from + 1 }, (_, index) => 10 ** (from + index));
}

/** As short as can be. */
function axisCount(/** @type {number} */ mark) {
  return mark < 1e4 ? String(Number(mark.toPrecision(4))) : count(mark);
}

/** @returns {import('./format.js').Quantity} */
function axisTime(/** @type {number} */ ms) {
  return ms < 1000 ? [String(Number(ms.toPrecision(1))), 'ms'] : [String(ms / 1000), 's'];
}

function clockMarks(/** @type {any} */ _u, /** @type {number[]} */ marks) {
  return marks.map((mark) => timeOfDay(mark * 1000).slice(0, 5));
}
