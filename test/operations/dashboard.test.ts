import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dashboardPage, dashboardPolicy } from '../../src/operations/dashboard/dashboard.js';
import { openBrowser } from './browser.js';
import { sampleExplanation, sampleReport, startFakeStatistics } from './fake-statistics.mjs';

type Report = Partial<ReturnType<typeof sampleReport>>;

const WIDE = { width: 1280, height: 900 };

const ANSWERS = {
  explanation: sampleExplanation(),
  receipt: { sequence: 1_700_000_000_000_001, durable: true },
  warmed: { requested: 3, warmed: 2, fresh: 0, uncacheable: 0, failed: 1, problems: [] },
};

/** Counts the reports that were shown: as the figure of errors, which no test is about. */
let marks = 0;

const HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';

// One page for all: a page of its own for each test would cost more than all that the tests do. Each begins with a
// report, a server and forms as if nothing had been.
let browser: Browser;
let page: Page;
let fake: Awaited<ReturnType<typeof startFakeStatistics>>;
/** What the page's console said in the test: errors, warnings, violations of the policy. */
let problems: string[] = [];
/** What it said while the page was loaded. */
let firstProblems: string[] = [];
/** How many requests the server had had before the test. */
let before = 0;
/** Every address that the page has asked for. */
const asked: string[] = [];

beforeAll(async () => {
  fake = await startFakeStatistics({ page: dashboardPage, policy: dashboardPolicy });
  browser = await openBrowser();
  page = await browser.newPage({ viewport: WIDE, reducedMotion: 'reduce' });
  page.setDefaultTimeout(15_000);
  page.on('console', (message) => problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(fake.url);
  await page.locator('#connection[data-state=live]').waitFor();
  firstProblems = problems;
});

afterAll(async () => {
  await browser?.close();
  await fake?.close();
});

beforeEach(async () => {
  await page.locator('#connection[data-state=live]').waitFor();
  Object.assign(fake, ANSWERS, { status: 200 });
  await page.setViewportSize(WIDE);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.evaluate('for (const form of document.forms) form.reset()');
  await page.evaluate('for (const each of document.querySelectorAll("details")) each.open = false');
  await show(sampleReport());
  problems = [];
  before = fake.requests.length;
});

/** Sends a report, and waits until the page shows it. */
async function show(report: Report): Promise<void> {
  marks++;
  fake.push({ ...report, errors: marks });
  await page.locator('#figure-errors', { hasText: new RegExp(`^${marks}$`) }).waitFor();
}

/** How many pixels of a chart's canvas are drawn, in how many colours, and a sum that changes with the picture. */
function pixels(page: Page, chart: string): Promise<{ drawn: number; colors: number; sum: number }> {
  // Read from a copy: reading the canvas itself again and again is something that the browser warns of.
  return page.evaluate(`(() => {
    const canvas = document.querySelector('#${chart}-chart canvas');
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    const colors = new Set();
    let drawn = 0;
    let sum = 0;
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3] === 0) continue;
      const color = (data[at] << 16) | (data[at + 1] << 8) | data[at + 2];
      drawn++;
      colors.add(color);
      sum = (sum + color * (at % 9973)) % 2 ** 40;
    }
    return { drawn, colors: colors.size, sum };
  })()`);
}

function text(page: Page, selector: string): Promise<string> {
  return page.locator(selector).innerText();
}

/** The report with one more of everything that was asked. */
function later(report: ReturnType<typeof sampleReport>) {
  const now = report.now + 5_000;
  const slots = [...report.timeline.slots.slice(1)];
  const outcomes = { fresh: 9_000, stale: 0, collapsed: 0, revalidated: 0, miss: 4_000, bypass: 0 };
  slots.push({ at: Math.floor(now / 5_000) * 5_000, outcomes, hitTime: 4, missTime: 900 });
  return { ...report, now, totalRequests: 2_000_001, hitRate: 12.34, timeline: { step: 5, slots } };
}

describe('the dashboard', () => {
  it('renders figures, charts and tables, asks for nothing elsewhere, and breaks no rule of its policy', async () => {
    expect(await text(page, '#figure-rate')).toBe('96.54 %');
    expect(await text(page, '#figure-requests')).toBe('1,233,976');
    expect(await text(page, '#figure-memory')).toBe('41.2 MiB');
    expect(await text(page, '#note-hit')).toBe('Median; p99 2.40 ms');
    expect(await text(page, '#health')).toBe('Healthy');
    expect(await page.locator('#routes tbody tr').first().innerText()).toMatch(
      /^products:list\s+412,806\s+98\.8\s+0\.26/,
    );
    expect(await page.locator('#tenants tbody tr', { hasText: '(none)' }).count()).toBe(1);
    expect(await page.locator('#tenants tbody tr').last().innerText()).toMatch(/^All others\s+23,711/);
    expect(await page.locator('#reasons li').first().innerText()).toMatch(/^cookie\s*a personal request\s+9,713/);
    for (const chart of ['outcomes', 'latency']) {
      const { drawn, colors } = await pixels(page, chart);
      expect(drawn, chart).toBeGreaterThan(2_000);
      expect(colors, chart).toBeGreaterThan(5);
    }
    expect([...firstProblems, ...problems]).toEqual([]);
    const { origin } = new URL(fake.url);
    expect(asked.length).toBeGreaterThan(1);
    // The icon stands in the page itself.
    expect(asked.filter((url) => !url.startsWith(`${origin}/cache/`) && !url.startsWith('data:'))).toEqual([]);
  });

  it('moves with the traffic, numbers and charts', async () => {
    const drawn = [await pixels(page, 'outcomes'), await pixels(page, 'latency')];
    fake.push(later(fake.report));
    await page.locator('#figure-requests', { hasText: '2,000,001' }).waitFor();
    expect(await text(page, '#figure-rate')).toBe('12.34 %');
    await expect.poll(async () => (await pixels(page, 'outcomes')).sum).not.toBe(drawn[0]?.sum);
    await expect.poll(async () => (await pixels(page, 'latency')).sum).not.toBe(drawn[1]?.sum);
    expect(problems).toEqual([]);
  });

  it('stands still while paused, and shows the newest afterwards', async () => {
    await page.click('#pause');
    const { report } = fake;
    fake.push(later(report));
    // The stream is read in order: when its end is known, the report before it is.
    fake.end();
    await page.locator('#connection[data-state=lost]').waitFor();
    expect(await text(page, '#figure-requests')).toBe('1,233,976');
    await page.click('#pause');
    expect(await text(page, '#figure-requests')).toBe('2,000,001');
  });

  it('shows what lies under the arrow keys, also to assistive technology', async () => {
    const chart = page.locator('#outcomes-chart');
    expect(await chart.getAttribute('aria-valuetext')).toMatch(/^Means of 15 minutes, per second: Fresh 1\d\d, /);
    await chart.press('ArrowLeft');
    await chart.press('ArrowLeft');
    const last = Math.floor(fake.report.now / 5_000) * 5_000 - 5_000;
    const seconds = String(new Date(last).getUTCSeconds()).padStart(2, '0');
    await expect.poll(() => text(page, '#outcomes-at')).toMatch(new RegExp(`^per second, \\d\\d:\\d\\d:${seconds}$`));
    const { outcomes } = fake.report.timeline.slots.at(-2);
    expect(await text(page, '#outcomes-legend li >> nth=0')).toContain((outcomes.fresh / 5).toFixed(0));
    expect(await chart.getAttribute('aria-valuetext')).toContain(`:${seconds}, per second: Fresh`);
  });

  it('is dark where dark is preferred, charts too', async () => {
    await page.emulateMedia({ colorScheme: 'dark' });
    await show(sampleReport());
    const shade = () => page.evaluate('getComputedStyle(document.body).color');
    expect(await shade()).toBe('rgb(230, 233, 236)');
    const dark = await pixels(page, 'outcomes');
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await shade()).toBe('rgb(25, 29, 33)');
    await expect.poll(async () => (await pixels(page, 'outcomes')).sum).not.toBe(dark.sum);
  });

  it('fits a phone, with an entry inspected, without scrolling sideways', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.fill('#inspect-url', '/users');
    await page.click('#inspect-form button');
    await page.locator('#explanation .verdict').waitFor();
    await page.click('.headers summary');
    await page.click('#access summary');
    for (const width of [390, 320]) {
      await page.setViewportSize({ width, height: 844 });
      // Charts are drawn anew when they have been told of their new width.
      const wide = () => page.evaluate('document.documentElement.scrollWidth');
      await expect.poll(wide, { message: `${width} px` }).toBeLessThanOrEqual(width);
      expect(await page.locator('#token').evaluate((node) => node.getBoundingClientRect().left)).toBeGreaterThanOrEqual(
        0,
      );
    }
    await expect
      .poll(() => page.evaluate('document.querySelector("#outcomes-chart canvas").clientWidth'))
      .toBeLessThan(320);
    await page.locator('#token').press('Escape');
    expect(await page.locator('#token').isVisible()).toBe(false);
  });
});

describe('what comes from the server', () => {
  it('stays text, whatever it is', async () => {
    const report = sampleReport();
    const figures = report.routes['products:list'];
    await show({
      ...report,
      reasons: { [HOSTILE]: 3 },
      status: HOSTILE,
      tenants: { [HOSTILE]: figures, ['__proto__']: figures },
      routes: { [HOSTILE]: figures },
      ledger: { epoch: HOSTILE, sequence: HOSTILE, lag: 1, current: true },
    });
    fake.explanation = {
      outcome: HOSTILE,
      reason: HOSTILE,
      key: HOSTILE,
      steps: [{ step: HOSTILE, ok: false, text: HOSTILE }],
      entry: {
        ...sampleExplanation().entry,
        contentType: HOSTILE,
        name: HOSTILE,
        tags: [HOSTILE],
        headers: { [HOSTILE]: HOSTILE },
      },
      killedBy: { by: HOSTILE, name: HOSTILE, sequence: 1, at: 1 },
    };
    fake.receipt = { sequence: HOSTILE, durable: true };
    fake.warmed = { ...fake.warmed, problems: [{ url: HOSTILE, tenant: HOSTILE, reason: HOSTILE }] };
    await page.fill('#inspect-url', '/users');
    await page.click('#inspect-form button');
    await page.locator('#explanation .verdict').waitFor();
    await page.fill('#invalidate-tags', HOSTILE);
    await page.click('#invalidate-form button');
    await page.click('#confirm-yes');
    await page.fill('#warm-urls', '/users');
    await page.click('#warm-form button');
    await page.locator('#warm-problems li').waitFor();
    for (const place of [
      '#health',
      '#tenants',
      '#routes',
      '#reasons',
      '#ledger',
      '#explanation',
      '#invalidate-status',
      '#warm-problems',
    ]) {
      expect(await page.locator(place).textContent(), place).toContain(HOSTILE);
    }
    expect(await page.locator('#tenants tbody tr').count()).toBe(2 + 1);
    expect(await page.locator('img, body script:not([nonce]), [onerror]').count()).toBe(0);
    expect(await page.title()).toBe('respcache');
    expect(problems).toEqual([]);
    expect(asked.filter((url) => url.endsWith('/x'))).toEqual([]);
  });

  it('shows figures that are missing as missing, and goes on', async () => {
    await show({
      authorized: true,
      now: Date.now(),
      since: Date.now(),
      status: 'degraded',
    });
    expect(await text(page, '#health')).toBe('Degraded');
    expect(await text(page, '#figure-requests')).toBe('–');
    expect(await page.locator('#bytes-meter').isVisible()).toBe(false);
    expect(problems).toEqual([]);
    fake.push({ ...sampleReport(), timeline: { step: 5, slots: 'none' } });
    await show(sampleReport());
    expect(await text(page, '#figure-requests')).toBe('1,233,976');
    expect(await page.locator('#connection').innerText()).toBe('Live');
    expect(problems).toEqual([expect.stringContaining('respcache: a report could not be shown: TypeError')]);
  });

  it('has no names and no forms for whom is not authorised', async () => {
    await show(sampleReport({ authorized: false }));
    expect(await page.locator('form:visible, #tenants:visible, #routes:visible').count()).toBe(0);
    expect(await page.locator('#reasons li').count()).toBe(8);
    fake.push(sampleReport());
    await page.locator('#tenants tbody tr').first().waitFor();
    fake.push(sampleReport({ authorized: false }));
    await page.locator('#tenants').waitFor({ state: 'hidden' });
    expect(await page.locator('#tenants tbody tr, #routes tbody tr').count()).toBe(0);
    expect(await page.locator('form:visible').count()).toBe(0);
  });
});

describe('the stream', () => {
  it('is taken up again when the server drops it, and the page says so meanwhile', async () => {
    fake.report = later(fake.report);
    const again = fake.next('events');
    fake.drop();
    await page.locator('#connection', { hasText: /^Connection (lost|closed); trying again in 1 s$/ }).waitFor();
    await again;
    await page.locator('#connection[data-state=live]').waitFor();
    expect(await text(page, '#figure-requests')).toBe('2,000,001');
  });

  it('says what the server answered where it refuses', async () => {
    fake.status = 503;
    fake.drop();
    await page.locator('#connection', { hasText: 'The server answered 503; trying again' }).waitFor();
    fake.status = 200;
    await page.locator('#connection[data-state=live]').waitFor();
  });

  it('is let go by a tab that nobody sees, as a browser has six connections, and taken up when it is seen again', async () => {
    const turn = (hidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));`);
    const gone = fake.next('gone');
    await turn(true);
    await gone;
    // It was not lost, nor given up after a silence.
    expect(await page.getAttribute('#connection', 'data-state')).toBe('live');
    fake.report = later(fake.report);
    await page.evaluate("dispatchEvent(new Event('online'))");
    const again = fake.next('events');
    await turn(false);
    await again;
    await page.locator('#figure-requests', { hasText: '2,000,001' }).waitFor();
    expect(fake.requests.slice(before).map(({ url }) => url.pathname)).toEqual(['/cache/events']);
  });

  it('is of the scope that was chosen', async () => {
    for (const [label, scope] of [
      ['Fleet', 'fleet'],
      ['This process', 'process'],
    ] as const) {
      const request = fake.next('events');
      await page.locator('.segments label', { hasText: label }).click();
      expect((await request).url.search).toBe(`?scope=${scope}`);
    }
  });

  it('carries the token, as all requests do, until it is forgotten', async () => {
    expect(fake.requests.length).toBeGreaterThan(1);
    for (const { headers } of fake.requests) expect(headers.authorization).toBeUndefined();
    await page.click('#access summary');
    await page.fill('#token', 'top-secret');
    const used = fake.next('events');
    await page.click('#token-form button.primary');
    expect((await used).headers.authorization).toBe('Bearer top-secret');
    expect(await page.locator('#token').inputValue()).toBe('');
    const explained = fake.next('explain');
    await page.fill('#inspect-url', '/users');
    await page.click('#inspect-form button');
    expect((await explained).headers.authorization).toBe('Bearer top-secret');
    const reloaded = fake.next('events');
    await page.reload();
    expect((await reloaded).headers.authorization).toBe('Bearer top-secret');
    expect(await page.evaluate('[localStorage.length, document.cookie]')).toEqual([0, '']);
    await page.click('#access summary');
    const forgotten = fake.next('events');
    await page.click('#forget');
    expect((await forgotten).headers.authorization).toBeUndefined();
  });
});

describe('the forms', () => {
  it('invalidate what was written, after a question, and show the receipt', async () => {
    await page.fill('#invalidate-tenant', ' acme ');
    await page.fill('#invalidate-keys', 'users:list\n\n  users:42 \n');
    await page.fill('#invalidate-patterns', '/reports/*');
    await page.click('#invalidate-form button');
    expect(await text(page, '#confirm')).toContain('For the tenant acme:');
    expect(await page.evaluate('document.activeElement.id')).toBe('confirm-no');
    const sent = fake.next('invalidate');
    await page.click('#confirm-yes');
    const { body, headers } = await sent;
    expect(body).toEqual({ tenant: 'acme', keys: ['users:list', 'users:42'], patterns: ['/reports/*'] });
    expect(headers['content-type']).toBe('application/json');
    const status = page.locator('#invalidate-status');
    await status.filter({ hasText: 'Invalidated in every process. Sequence 1700000000000001.' }).waitFor();

    fake.receipt = { sequence: 7, durable: false };
    await page.click('#invalidate-form button');
    await page.click('#confirm-yes');
    await status.filter({ hasText: 'in this process; not durable yet' }).waitFor();
  });

  it('invalidate what requests without a tenant are answered, where that is chosen', async () => {
    await page.fill('#invalidate-keys', 'users:list');
    await page.fill('#invalidate-tenant', 'acme');
    await page.check('#invalidate-form input[name=nobody]');
    await page.click('#invalidate-form button');
    expect(await text(page, '#invalidate-status')).toBe('Name a tenant, or choose the requests that name none.');
    await page.fill('#invalidate-tenant', '');
    await page.click('#invalidate-form button');
    expect(await text(page, '#confirm')).toContain('For requests that name no tenant:');
    const sent = fake.next('invalidate');
    await page.click('#confirm-yes');
    expect((await sent).body).toEqual({ tenant: null, keys: ['users:list'] });
  });

  it('send nothing on a no, nor what the server would refuse', async () => {
    await page.click('#invalidate-form button');
    expect(await text(page, '#invalidate-status')).toBe('Name a key, a tag or a pattern.');
    await page.fill('#invalidate-keys', 'users:list');
    await page.click('#invalidate-form button');
    expect(await text(page, '#invalidate-status')).toBe('Keys and patterns are those of a tenant: name it.');
    await page.click('#clear-form button');
    await page.keyboard.press('Escape');
    await page.locator('#confirm').waitFor({ state: 'hidden' });
    await page.click('#clear-form button');
    await page.click('#confirm-no');
    await page.locator('#clear-form button:enabled').waitFor();
    expect(fake.requests.slice(before).filter(({ method }) => method === 'POST')).toEqual([]);
  });

  it('invalidate tags for all tenants, clear, and say why where they may not', async () => {
    await page.fill('#invalidate-tags', 'users');
    await page.click('#invalidate-form button');
    expect(await text(page, '#confirm')).toContain('For all tenants:');
    const purged = fake.next('invalidate');
    await page.click('#confirm-yes');
    expect((await purged).body).toEqual({ tags: ['users'] });
    const cleared = fake.next('clear');
    await page.click('#clear-form button');
    await page.click('#confirm-yes');
    expect((await cleared).body).toEqual({});
    await page.locator('#clear-status', { hasText: 'Cleared in every process.' }).waitFor();
    fake.status = 404;
    await page.click('#clear-form button');
    await page.click('#confirm-yes');
    await page.locator('#clear-status', { hasText: 'the server does not let you' }).waitFor();
  });

  it('warm what was named, and list what could not be', async () => {
    fake.warmed = { ...fake.warmed, problems: [{ url: '/broken', tenant: 'acme', reason: 'status 500' }] };
    await page.fill('#warm-urls', '/users\n/broken');
    await page.fill('#warm-tenants', 'acme');
    await page.fill('#warm-popular', '20');
    const sent = fake.next('warm');
    await page.click('#warm-form button');
    expect((await sent).body).toEqual({ urls: ['/users', '/broken'], popular: 20, tenants: ['acme'] });
    await page.locator('#warm-status', { hasText: 'Of 3: 2 warmed, 0 fresh already, 1 failed.' }).waitFor();
    expect(await text(page, '#warm-problems')).toBe('/broken (acme): status 500');
  });

  it('explain an entry, with what has killed it', async () => {
    const asked = fake.next('explain');
    await page.fill('#inspect-url', '/users?page=2&x=a b');
    await page.fill('#inspect-tenant', 'acme');
    await page.click('#inspect-form button');
    const { searchParams } = (await asked).url;
    expect(Object.fromEntries(searchParams)).toEqual({ url: '/users?page=2&x=a b', tenant: 'acme' });
    await page.locator('.killed', { hasText: 'Invalidated by tag users at' }).waitFor();
    const explanation = await text(page, '#explanation');
    for (const part of [
      'Miss',
      'a purge of the tag users',
      'Redis',
      '18.0 KiB',
      '4 min 12 s left',
      'org:7',
      'accept-encoding',
    ]) {
      expect(explanation).toContain(part);
    }
    await page.click('.headers summary');
    expect(await text(page, '.headers')).toContain('</users?page=3>; rel="next"');
  });
});

describe('dashboardPage', () => {
  it('puts the nonce on every script and style, and nowhere else', () => {
    const page = dashboardPage('c29tZSBub25jZSBmb3I=');
    expect(page.match(/<(?:script|style)\b[^>]*>/g)).toEqual([
      ...Array(2).fill('<style nonce="c29tZSBub25jZSBmb3I=">'),
      '<script nonce="c29tZSBub25jZSBmb3I=">',
      '<script type="module" nonce="c29tZSBub25jZSBmb3I=">',
    ]);
    expect(page.match(/c29tZSBub25jZSBmb3I=/g)).toHaveLength(4);
    expect(page).not.toMatch(/\{\{\w+\}\}|^(?:import|export)\b/m);
    expect(dashboardPage('YW5vdGhlciBub25jZQ==')).toBe(page.replaceAll('c29tZSBub25jZSBmb3I=', 'YW5vdGhlciBub25jZQ=='));
  });

  it('takes no nonce that is more than one', () => {
    for (const nonce of [
      '',
      'short',
      `"><script>alert(1)</script>`,
      "aaaaaaaaaaaaaaaaaaaa' 'unsafe-inline",
      'aaaaaaaaaaaaaaaaaaaa;',
    ]) {
      expect(() => dashboardPage(nonce)).toThrow(TypeError);
      expect(() => dashboardPolicy(nonce)).toThrow(TypeError);
    }
  });
});
