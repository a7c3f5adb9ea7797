// The page for who has no pointer, sees by colours of their own, or lets no page keep anything.

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { dashboardPage, dashboardPolicy } from '../../src/operations/dashboard/dashboard.js';
import { openBrowser } from './browser.js';
import { startFakeStatistics } from './fake-statistics.mjs';

let browser: Browser;
let page: Page;
let fake: Awaited<ReturnType<typeof startFakeStatistics>>;

beforeAll(async () => {
  fake = await startFakeStatistics({ page: dashboardPage, policy: dashboardPolicy });
  browser = await openBrowser();
  page = await opened();
});

afterAll(async () => {
  await browser?.close();
  await fake?.close();
});

/** A page that is live; `before` runs in it ahead of its own scripts. */
async function opened(before = ''): Promise<Page> {
  const made = await browser.newPage({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
  made.setDefaultTimeout(15_000);
  await made.addInitScript(before);
  await made.goto(fake.url);
  await made.locator('#connection[data-state=live]').waitFor();
  return made;
}

/** What has the focus, as one would say it. */
function focused(): Promise<unknown> {
  return page.evaluate('document.activeElement.id || document.activeElement.textContent.trim().slice(0, 30)');
}

describe('the focus', () => {
  it('stays at the button that asked, be the answer no or yes', async () => {
    const button = page.locator('#clear-form button');
    for (const key of ['Escape', 'Enter']) {
      await button.press('Enter');
      await page.locator('#confirm-no:focus').waitFor();
      await page.keyboard.press(key);
      await page.locator('#confirm').waitFor({ state: 'hidden' });
      expect(await focused(), key).toBe('Clear the cache…');
    }
    await button.press('Enter');
    await page.locator('#confirm-yes').press('Enter');
    await page.locator('#clear-status', { hasText: 'Cleared in every process.' }).waitFor();
    expect(await focused()).toBe('Clear the cache…');
  });

  it('stays at the button of what takes a while, which takes no second press meanwhile', async () => {
    const sent: string[] = [];
    let answer = () => {};
    const may = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route('**/warm', async (route) => {
      sent.push(route.request().url());
      await may;
      await route.continue();
    });
    await page.fill('#warm-urls', '/users');
    const button = page.locator('#warm-form button');
    const asked = page.waitForRequest('**/warm');
    await button.press('Enter');
    await asked;
    await page.keyboard.press('Enter');
    expect(await focused()).toBe('Warm');
    answer();
    await page.locator('#warm-status', { hasText: 'Of 3' }).waitFor();
    expect(await focused()).toBe('Warm');
    expect(sent).toHaveLength(1);
    await page.unroute('**/warm');
  });

  it('is where the token was asked for, once it is used or forgotten', async () => {
    for (const button of ['#token-form button.primary', '#forget']) {
      await page.locator('#access summary').press('Enter');
      await page.fill('#token', 'secret');
      const used = fake.next('events');
      await page.locator(button).press('Enter');
      await used;
      expect(await focused(), button).toBe('Access');
    }
  });
});

describe("colours of the reader's own", () => {
  it('tell which figures are chosen', async () => {
    await page.emulateMedia({ forcedColors: 'active' });
    const look = (selector: string) =>
      page.evaluate(`(({ color, backgroundColor }) => color + backgroundColor)
        (getComputedStyle(document.querySelector('${selector}')))`);
    expect(await look('.segments input:checked + span')).not.toBe(await look('.segments input:not(:checked) + span'));
    await page.emulateMedia({ forcedColors: 'none' });
  });
});

describe('the token', () => {
  it('is used by this page alone where a browser lets it keep nothing', async () => {
    const denied = () => {
      const get = () => {
        throw new DOMException('denied', 'SecurityError');
      };
      Object.defineProperty(globalThis, 'sessionStorage', { get });
    };
    const strict = await opened(`(${denied})()`);
    const asked = () => fake.requests.filter(({ headers }) => headers.authorization === 'Bearer not-kept').length;
    await strict.click('#access summary');
    await strict.fill('#token', 'not-kept');
    await strict.click('#token-form button.primary');
    await vi.waitFor(() => expect(asked()).toBe(1), 15_000);
    await strict.click('#access summary');
    await strict.click('#forget');
    await strict.locator('#connection[data-state=live]').waitFor();
    expect(asked()).toBe(1);
    await strict.close();
  });

  it('is refused where no field of a request can carry it', async () => {
    const invalid = page.locator('#token:invalid');
    await page.click('#access summary');
    for (const token of ['sec\u200bret', 'key…', '“key”']) {
      await page.fill('#token', token);
      await page.click('#token-form button.primary');
      expect(await invalid.count(), token).toBe(1);
      expect(await page.locator('#token').inputValue()).toBe(token);
    }
    await page.fill('#token', 'ab+/=. é~');
    expect(await invalid.count()).toBe(0);
    await page.fill('#token', '');
    await page.locator('#token').press('Escape');
  });
});
