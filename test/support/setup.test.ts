import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findOnPath } from './executables.mjs';

const SETUP = fileURLToPath(new URL('../setup.mjs', import.meta.url));
const isRoot = process.getuid?.() === 0;

/** The only folder on PATH of the set-up in a test. */
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'respcache-setup-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Puts a script on the PATH of the set-up. */
function executable(name: string, script = 'exit 0'): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

function runSetup() {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SETUP], { env: { PATH: folder }, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('the set-up of the tests', () => {
  it('says nothing where a Redis server and a browser are, by any of their names', () => {
    executable('valkey-server');
    executable('google-chrome');
    expect(runSetup()).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('fails with one line that names what is missing, where nothing can be installed', () => {
    executable('redis-server');
    const { status, stderr } = runSetup();
    expect(status).toBe(1);
    expect(stderr).toMatch(/^respcache: the tests need chromium, .* install the package chromium\n$/);
    rmSync(join(folder, 'redis-server'));
    expect(runSetup().stderr).toMatch(/^respcache: the tests need redis-server .*; the tests need chromium, .*\n$/);
  });

  it('fails with one line where what is there does not run', () => {
    executable('redis-server');
    executable('chromium', 'echo "no such\nlibrary" >&2; exit 127');
    const { status, stderr } = runSetup();
    expect(status).toBe(1);
    expect(stderr).toMatch(/^respcache: the tests need chromium.* does not run: no such library\)\n$/);
  });

  it('installs what is missing, and only that, if it is root', () => {
    executable('redis-server');
    executable(
      'apt-get',
      `echo "$@" >> ${folder}/calls; printf '#!/bin/sh\\n' > ${folder}/chromium; /bin/chmod 755 ${folder}/chromium`,
    );
    const { status, stdout, stderr } = runSetup();
    expect(status).toBe(isRoot ? 0 : 1);
    if (!isRoot) return expect(stderr).toMatch(/^respcache: the tests need chromium.*\n$/);
    expect(stdout).toBe('respcache: not on PATH, installing with apt-get: chromium\n');
    expect(readFileSync(join(folder, 'calls'), 'utf8')).toBe('update\ninstall -y --no-install-recommends chromium\n');
  });

  it('fails with one line where the installation does', () => {
    executable('apt-get', 'echo "E: Unable to locate package" >&2; exit 100');
    const { status, stderr } = runSetup();
    expect(status).toBe(1);
    expect(stderr).toMatch(/^respcache: the tests need redis-server .*; the tests need chromium.*\n$/);
    if (isRoot) expect(stderr).toContain('(apt-get could not: E: Unable to locate package)');
  });
});

describe('findOnPath', () => {
  it('takes the first name that is an executable file, and no folder', () => {
    executable('second');
    writeFileSync(join(folder, 'first'), 'not executable', { mode: 0o644 });
    const path = process.env.PATH;
    process.env.PATH = `:${tmpdir()}:${folder}`;
    try {
      expect(findOnPath(['first', 'second'])).toBe(join(folder, 'second'));
      expect(findOnPath([folder.split('/').at(-1) ?? ''])).toBeUndefined();
      expect(findOnPath(['no-such-program'])).toBeUndefined();
    } finally {
      process.env.PATH = path;
    }
  });
});
