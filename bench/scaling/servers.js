// The servers that are measured: one, or a Cluster of several.

import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from '../lib/children.js';
import { startRedis } from '../lib/redis.js';

const HOST = '127.0.0.1';
const SLOTS = 16_384;
const PATIENCE = 20_000;

/**
 * Starts so many servers, a Cluster if there are several. `target`: what `createCache` takes for `redis`; `probes`: a
 * connection to each, the one that has the ledger first.
 */
export async function startServers(shards) {
  const nodes = [];
  const stop = async () => {
    for (const { probe, server } of nodes) {
      probe.disconnect();
      await server.stop();
    }
  };
  try {
    while (nodes.length < shards) nodes.push(await startNode(shards > 1));
    const probes = nodes.map(({ probe }) => probe);
    const places = nodes.map(({ server }) => ({ host: HOST, port: server.port }));
    if (shards === 1) return { target: places[0], probes, stop };
    await form(nodes);
    return { target: { cluster: places }, probes: await ledgerFirst(probes), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startNode(clustered) {
  const file = join(tmpdir(), `respcache-bench-${randomUUID()}.conf`);
  const bus = clustered ? await freePort() : undefined;
  const more = ['--cluster-enabled', 'yes', '--cluster-config-file', file, '--cluster-port', String(bus)];
  const server = clustered ? await startRedis(more, file) : await startRedis();
  return { server, bus, probe: new Redis({ host: HOST, port: server.port }) };
}

async function form(nodes) {
  for (const [i, { probe, server, bus }] of nodes.entries()) {
    const [from, to] = [i, i + 1].map((part) => Math.floor((part * SLOTS) / nodes.length));
    await probe.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to - 1));
    if (i > 0) await nodes[0].probe.call('CLUSTER', 'MEET', HOST, String(server.port), String(bus));
  }
  const whole = async ({ probe }) => {
    const text = await probe.call('CLUSTER', 'INFO');
    return text.includes('cluster_state:ok') && text.includes(`cluster_known_nodes:${nodes.length}\r`);
  };
  for (const until = performance.now() + PATIENCE; performance.now() < until; await pause(50)) {
    if ((await Promise.all(nodes.map(whole))).every(Boolean)) return;
  }
  throw new Error('the Cluster was not whole in time');
}

async function ledgerFirst(probes) {
  // Only the server whose slot it is answers.
  const answers = await Promise.allSettled(probes.map((probe) => probe.exists('{respcache}:head')));
  const first = answers.findIndex(({ status }) => status === 'fulfilled');
  return [probes[first], ...probes.filter((_, i) => i !== first)];
}
