// The same trace, sent to real processes with a real Redis between them.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as ask } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { addLoads } from './operations.js';
import { startServers } from './servers.js';
import { folderName, HOST, pathOf, tenantName } from './site.js';

/** How many requests may be under way: a machine that is too busy for the trace gets it later, not all at once. */
const MOST = 64;
/** How many times as long as it is the trace may take. */
const PATIENCE = 3;

class Worker {
  #child;
  port = 0;

  static async start(config) {
    const worker = new Worker();
    const file = fileURLToPath(new URL('worker.js', import.meta.url));
    // Nothing of the caller's environment: it could hold settings of the cache or of Node.
    worker.#child = fork(file, [JSON.stringify(config)], { execArgv: [], env: { NODE_ENV: 'production' } });
    ({ port: worker.port } = await worker.#reply());
    return worker;
  }

  send(message) {
    this.#child.send(message);
  }

  tell(message) {
    this.send(message);
    return this.#reply();
  }

  async stop() {
    const exit = once(this.#child, 'exit');
    this.#child.disconnect();
    await exit;
  }

  async #reply() {
    const settled = new AbortController();
    const { signal } = settled;
    const ended = once(this.#child, 'exit', { signal }).then(() => {
      throw new Error('a process that is measured has ended');
    });
    try {
      return await Promise.race([once(this.#child, 'message', { signal }).then(([message]) => message), ended]);
    } finally {
      settled.abort();
    }
  }
}

/**
 * Sends a trace to as many processes as it has, each request when it is due, or as soon after that as the machine can,
 * and counts what comes of it from `from` (s) on. `sent`: the trace as it was in the end, for who is to go through the same;
 * `began`: when counting did, in its time.
 * @param {Iterable<object>} requests
 * @param {import('./trace.js').Traffic} traffic
 * @param {import('./paper.js').Setup} setup
 * @param {{ bytes: number, from: number, shards: number }} how `bytes`: of each body; `shards`: of a Cluster, or 1 for none
 */
export async function measure(requests, traffic, setup, { bytes, from, shards }) {
  const servers = await startServers(shards);
  const workers = [];
  try {
    const config = { redis: servers.target, bytes, setup };
    for (let i = 0; i < traffic.processes; i++) workers.push(await Worker.start(config));
    let before;
    const begin = async () => {
      for (const worker of workers) await worker.tell({ forget: true });
      before = await Promise.all(servers.probes.map(figures));
    };
    const { sent, began } = await drive(requests, workers, { kind: setup.kind, from, end: traffic.seconds, begin });
    const after = await Promise.all(servers.probes.map(figures));
    const all = [];
    for (const worker of workers) all.push(await worker.tell({}));
    for (const worker of workers) await worker.tell({ close: true });
    const loads = after.map((figures, i) => loadBetween(before[i], figures));
    return { ...sharesOf(all), load: loads.reduce(addLoads), shards: loads, sent, began };
  } finally {
    for (const worker of workers) await worker.stop();
    await servers.stop();
  }
}

async function drive(requests, workers, { kind, from, end, begin }) {
  const agent = new Agent({ keepAlive: true });
  const under = new Set();
  const sent = [];
  let start = performance.now();
  let began;
  const now = () => (performance.now() - start) / 1000;
  for (const each of requests) {
    if (began === undefined && each.at >= from) {
      await Promise.all(under);
      const stopped = performance.now();
      await begin();
      // What it took to ask is no part of the trace.
      start += performance.now() - stopped;
      began = now();
    }
    const early = (each.at - now()) * 1000;
    if (early > 1) await pause(early);
    while (under.size >= MOST) await Promise.race(under);
    const at = now();
    if (at > end * PATIENCE) throw new Error('the machine is too busy to send the trace');
    sent.push({ ...each, at });
    const answered = send(workers[each.process], each, kind, agent).finally(() => under.delete(answered));
    under.add(answered);
  }
  await Promise.all(under);
  agent.destroy();
  return { sent, began };
}

async function send(worker, { tenant, page, write }, kind, agent) {
  if (write && kind !== 'key') {
    worker.send({ write: { tenant: tenantName(tenant), folder: folderName(page) } });
    return;
  }
  const sent = ask({
    ...{ host: '127.0.0.1', port: worker.port, agent, path: pathOf(page), method: write ? 'POST' : 'GET' },
    headers: { host: HOST, 'x-client-id': tenantName(tenant) },
  });
  sent.end();
  const [response] = await once(sent, 'response');
  if (response.statusCode !== (write ? 204 : 200)) throw new Error(`status ${response.statusCode}`);
  response.resume();
  await once(response, 'end');
}

/** What a server has counted so far. */
async function figures(probe) {
  const fields = async (section) => [...(await probe.info(section)).matchAll(/^(\w+):(.*?)\r?$/gm)];
  const calls = (await fields('commandstats')).map(([, name, text]) => [
    name.slice('cmdstat_'.length).split('|')[0],
    Number(/calls=(\d+)/.exec(text)[1]),
  ]);
  const stats = Object.fromEntries((await fields('stats')).map(([, name, text]) => [name, Number(text)]));
  const { total_net_input_bytes: received, total_net_output_bytes: sent } = stats;
  return { at: performance.now(), commands: Object.fromEntries(calls), in: received, out: sent };
}

/** What only the probe, and clients that find their way, ask. */
const ASIDE = ['info', 'client', 'cluster', 'hello', 'ping'];

/** What a server did in a second between two looks. */
function loadBetween(before, after) {
  const seconds = (after.at - before.at) / 1000;
  const commands = {};
  for (const [name, calls] of Object.entries(after.commands))
    if (!ASIDE.includes(name)) commands[name] = (calls - (before.commands[name] ?? 0)) / seconds;
  const total = Object.values(commands).reduce((a, b) => a + b, 0);
  return { commands, total, in: (after.in - before.in) / seconds, out: (after.out - before.out) / seconds };
}

/** What became of the requests of all processes; `fill`: how long a run of the handler took, seconds. */
function sharesOf(all) {
  const sum = (name) => all.reduce((total, counts) => total + counts[name], 0);
  const names = ['memory', 'redis', 'collapsed', 'miss'];
  const reads = names.reduce((total, name) => total + sum(name), 0);
  const shares = Object.fromEntries(names.map((name) => [name, sum(name) / reads]));
  return { ...shares, reads, errors: sum('errors'), fill: sum('filling') / 1000 / sum('miss') };
}
