import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The page's own modules, each after those that it imports: in the page they are one. */
const MODULES = [
  'format',
  'dom',
  'timeline',
  'server',
  'live',
  'charts',
  'overview',
  'tables',
  'forms',
  'inspector',
  'page',
] as const;

/** The page's own styles; later ones win. */
const STYLES = ['base', 'controls', 'layout', 'panels', 'forms', 'narrow'] as const;

/** Stands for the nonce in the page that is kept; not in any of the files. */
const NONCE = '{{nonce}}';

let page: string | undefined;

/**
 * The dashboard as one HTML page, which asks for nothing but the statistics beside it: `events`, `explain`,
 * `invalidate`, `clear` and `warm`. Send it with `dashboardPolicy` of the same nonce.
 *
 * @param nonce a new random one for every response, in base64 or hexadecimal
 * @throws {TypeError} for a nonce that could end the attribute it stands in
 */
export function dashboardPage(nonce: string): string {
  page ??= assemble();
  return page.replaceAll(NONCE, checked(nonce));
}

/**
 * The Content-Security-Policy of the page: no script and no style but its own, no request but to its own origin, no
 * frame around it, and no text that becomes HTML.
 *
 * @throws {TypeError} for a nonce that could end the directive it stands in
 */
export function dashboardPolicy(nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${checked(nonce)}'`,
    `style-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}

function checked(nonce: string): string {
  if (!/^[\w+/-]{16,}={0,2}$/.test(nonce)) throw new TypeError('a nonce is at least 16 characters of base64');
  return nonce;
}

function assemble(): string {
  const { resolve } = createRequire(import.meta.url);
  const library = (name: string) => readFileSync(resolve(`uplot/dist/${name}`), 'utf8');
  const styles = [library('uPlot.min.css'), STYLES.map((name) => own(`${name}.css`)).join('\n')].map(
    (text) => `<style nonce="${NONCE}">${inStyle(text)}</style>`,
  );
  const scripts = [
    `<script nonce="${NONCE}">${inScript(library('uPlot.iife.min.js'))}</script>`,
    `<script type="module" nonce="${NONCE}">\n${inScript(MODULES.map(joinable).join('\n'))}</script>`,
  ];
  // Functions, because `$` in a text to put in has a meaning.
  return own('page.html')
    .replace('{{styles}}', () => styles.join('\n'))
    .replace('{{scripts}}', () => scripts.join('\n'));
}

function own(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8');
}

/**
 * A module's text without its imports and exports, of which the page's modules use the plainest forms only: all of
 * them share one scope, in which no name is used twice.
 */
function joinable(name: (typeof MODULES)[number]): string {
  return own(`${name}.js`)
    .replace(/^import\b[^;]*? from '\.\/[\w-]+\.js';\n/gm, '')
    .replace(/^export (?=(?:async )?(?:function|const|class)\b)/gm, '');
}

/** What would end a script's element early, or begin a comment in it, written as JavaScript reads it alike. */
function inScript(text: string): string {
  return text.replace(/<(?=\/script|!--|script)/gi, '\\x3c');
}

function inStyle(text: string): string {
  return text.replace(/<(?=\/style)/gi, '\\3c ');
}
