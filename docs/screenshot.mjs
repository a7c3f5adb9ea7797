// Makes the pictures of the dashboard, from scripted data, here or in another folder:
// npm run build && node docs/screenshot.mjs [folder]

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { dashboardPage, dashboardPolicy } from '../build/src/operations/dashboard/dashboard.js';
import { sampleExplanation, sampleReport, startFakeStatistics } from '../test/operations/fake-statistics.mjs';
import { BROWSERS, findOnPath } from '../test/support/executables.mjs';
import { indexed } from './indexed-png.mjs';

const folder = process.argv[2] ?? fileURLToPath(new URL('.', import.meta.url));
const PICTURES = [
  { name: 'dashboard.png', colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  { name: 'dashboard-dark.png', colorScheme: 'dark', viewport: { width: 1280, height: 800 } },
];

const report = sampleReport({ now: Date.UTC(2026, 10, 24, 14, 32, 8) });
const fake = await startFakeStatistics({ page: dashboardPage, policy: dashboardPolicy, report });
fake.explanation = sampleExplanation(report.now);
const browser = await chromium.launch({
  executablePath: findOnPath(BROWSERS),
  args: ['--no-sandbox', '--disable-gpu', '--disable-lcd-text'],
});
try {
  for (const { name, colorScheme, viewport } of PICTURES) {
    const page = await browser.newPage({ colorScheme, viewport, timezoneId: 'UTC', reducedMotion: 'reduce' });
    page.on('console', (message) => console.error(`${name}: ${message.text()}`));
    page.on('pageerror', (error) => console.error(`${name}: ${error}`));
    await page.goto(fake.url);
    await page.locator('#connection[data-state=live]').waitFor();
    await page.fill('#inspect-url', '/users?page=2');
    await page.fill('#inspect-tenant', 'acme');
    await page.click('#inspect-form button');
    await page.locator('#explanation .verdict').waitFor();
    await page.evaluate(() => {
      document.activeElement?.blur();
      scrollTo(0, 0);
    });
    writeFileSync(join(folder, name), indexed(await page.screenshot({ fullPage: true })));
    await page.close();
  }
} finally {
  await browser.close();
  await fake.close();
}
