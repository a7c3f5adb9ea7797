import { type Browser, chromium } from 'playwright-core';
import { BROWSERS, findOnPath } from '../support/executables.mjs';

/** Nothing that the browser would ask of the network by itself. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Starts the browser that the set-up has found or installed, headless, with an empty profile of its own that goes with
 * it. Close it in the end.
 *
 * @throws {Error} without a browser: a test must not skip
 */
export function openBrowser(): Promise<Browser> {
  const executablePath = findOnPath(BROWSERS);
  if (executablePath === undefined) throw new Error('no chromium on PATH: run node test/setup.mjs');
  return chromium.launch({ executablePath, headless: true, args: FLAGS });
}
