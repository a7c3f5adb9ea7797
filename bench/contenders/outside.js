// nginx and Varnish, on one core, in front of a small origin: caches that are no part of the application.

import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, installed, startChild } from '../lib/children.js';
import { begin, body, unavailable, wanted } from '../lib/serve.js';
import { CONTENT_TYPE } from '../lib/traffic.js';

const ATTEMPTS = 100;

/**
 * Its cache is of files, and they are kept open and read at once: measured on a busy machine against `sendfile` alone, 1.7 times
 * as many hits of 1 KB, and 1.4 of 50 KB.
 */
const FASTEST = 'sendfile off; output_buffers 2 128k; open_file_cache max=10000 inactive=1h; open_file_cache_valid 1h;';
/** As in the configuration that it is installed with. */
const USUAL = 'sendfile on; tcp_nopush on;';

/** One process that is its own master, so that whoever ends it has ended all of it. */
const nginxConfig = (folder, port, origin, files) => `
daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log stderr crit;
${process.getuid() === 0 ? 'user root;' : ''}
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; tcp_nodelay on;
  ${files}
  client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;
  uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  proxy_cache_path ${folder}/cache levels=1:2 keys_zone=bench:10m max_size=256m inactive=1h;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${origin}; proxy_cache bench; proxy_cache_valid 200 1h; proxy_cache_lock on;
      add_header X-Cache $upstream_cache_status;
    }
  }
}`;

const nginx = (files) => (folder, port, origin) => {
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, nginxConfig(folder, port, origin, files));
  return ['nginx', '-p', folder, '-c', file];
};

const PROGRAMS = {
  nginx: nginx(FASTEST),
  'nginx as installed': nginx(USUAL),
  varnish: (folder, port, origin) => {
    const where = ['-n', join(folder, 'varnish'), '-a', `127.0.0.1:${port}`, '-b', `127.0.0.1:${origin}`];
    return ['varnishd', '-j', 'none', '-F', ...where, '-t', '3600', '-s', 'malloc,256m'];
  },
};

async function isUp(port) {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (answer?.status === 200) return true;
    await sleep(50);
  }
  return false;
}

const program = wanted.cache;
if (installed(...(program === 'varnish' ? [['varnishd'], '-V'] : [['nginx'], '-v'])) === undefined) {
  await unavailable('not installed');
}
const head = { 'Content-Type': CONTENT_TYPE, 'Content-Length': body.length };
const origin = createServer((_req, res) => res.writeHead(200, head).end(body));
await once(origin.listen(0, '127.0.0.1'), 'listening');
const port = await freePort();
const folder = mkdtempSync(join(tmpdir(), 'respcache-bench-'));
const command = PROGRAMS[program](folder, port, origin.address().port);
// Varnish has threads: on one core it is what it is compared with.
const onOneCore = installed(['taskset'], '--version') === undefined ? command : ['taskset', '-c', '0', ...command];
await startChild(onOneCore[0], onOneCore.slice(1), folder);
if (await isUp(port)) begin(port, { cpu: () => ({}) });
else await unavailable('it does not start');
