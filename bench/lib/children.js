// Servers of others as child processes, which end with the bench, however that ends.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';

export const HOST = '127.0.0.1';

/** Ends the server as soon as its input does: when we close it, or are no more, whatever killed us. */
const KEEPER = '"$0" "$@" >/dev/null 2>&1 & echo $!; read -r line; kill -9 $!; wait; rm -rf "$LEFT"';

/** The first of these programs that is installed. */
export function installed(names, versionFlag) {
  return names.find((name) => spawnSync(name, [versionFlag]).status === 0);
}

/** Starts a program. Resolves with its process id, and how to stop it. `left`: its file or folder, which goes with it. */
export async function startChild(binary, args, left = '') {
  // In a session of its own Ctrl-C does not reach the keeper, which has work to do then.
  const keeper = spawn('sh', ['-c', KEEPER, binary, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: tmpdir(),
    env: { ...process.env, LEFT: left },
    detached: true,
  });
  const stop = async () => {
    keeper.stdin.end();
    if (keeper.exitCode === null) await once(keeper, 'exit');
  };
  const [pid] = await once(createInterface(keeper.stdout), 'line');
  return { pid, stop };
}

export async function freePort() {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
