// The same trace, sent to real processes with a real Redis between them.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as ask } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { startRedis } from '../lib/redis.js';
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
 * and counts what comes of it from `from` (s) on. `sent`: the trace as it was in the end, for who is to go through the same.
 * @param {Iterable<object>} requests
 * @param {import('./trace.js').Traffic} traffic
 * @param {import('./paper.js').Setup} setup
 * @param {number} bytes of each body
 */
export async function measure(requests, traffic, setup, bytes, from) {
  const server = await startRedis();
  const probe = new Redis({ host: '127.0.0.1', port: server.port });
  const workers = [];
  try {
    for (let i = 0; i < traffic.processes; i++) workers.push(await Worker.start({ port: server.port, bytes, setup }));
    let before;
    const begin = async () => {
      for (const worker of workers) await worker.tell({ forget: true });
      before = await figures(probe);
    };
    const sent = await drive(requests, workers, { kind: setup.kind, from, end: traffic.seconds, begin });
    const after = await figures(probe);
    const all = [];
    for (const worker of workers) all.push(await worker.tell({}));
    for (const worker of workers) await worker.tell({ close: true });
    return { ...resultOf(all, before, after), sent };
  } finally {
    for (const worker of workers) await worker.stop();
    probe.disconnect();
    await server.stop();
  }
}

async function drive(requests, workers, { kind, from, end, begin }) {
  const agent = new Agent({ keepAlive: true });
  const under = new Set();
  const sent = [];
  let start = performance.now();
  let begun = false;
  const now = () => (performance.now() - start) / 1000;
  for (const each of requests) {
    if (!begun && each.at >= from) {
      await Promise.all(under);
      const stopped = performance.now();
      await begin();
      // What it took to ask is no part of the trace.
      start += performance.now() - stopped;
      begun = true;
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
  return sent;
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

/** What Redis has counted so far. */
async function figures(probe) {
  const fields = async (section) =>
    Object.fromEntries(
      [...(await probe.info(section)).matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name, text]) => [name, text]),
    );
  const calls = Object.entries(await fields('commandstats')).map(([name, text]) => [
    name.slice('cmdstat_'.length).split('|')[0],
    Number(/calls=(\d+)/.exec(text)[1]),
  ]);
  const { total_net_input_bytes, total_net_output_bytes } = await fields('stats');
  const { used_memory } = await fields('memory');
  const { used_cpu_user, used_cpu_sys } = await fields('cpu');
  return {
    at: performance.now(),
    commands: Object.fromEntries(calls),
    in: Number(total_net_input_bytes),
    out: Number(total_net_output_bytes),
    memory: Number(used_memory),
    cpu: Number(used_cpu_user) + Number(used_cpu_sys),
    keys: await probe.dbsize(),
  };
}

function resultOf(all, before, after) {
  const sum = (name) => all.reduce((total, counts) => total + counts[name], 0);
  const names = ['memory', 'redis', 'collapsed', 'miss'];
  const reads = names.reduce((total, name) => total + sum(name), 0);
  const seconds = (after.at - before.at) / 1000;
  const commands = {};
  for (const [name, calls] of Object.entries(after.commands)) {
    // What the probe itself has asked.
    if (['info', 'dbsize', 'client', 'ping'].includes(name)) continue;
    commands[name] = (calls - (before.commands[name] ?? 0)) / seconds;
  }
  const total = Object.values(commands).reduce((a, b) => a + b, 0);
  return {
    ...Object.fromEntries(names.map((name) => [name, sum(name) / reads])),
    ...{ reads, errors: sum('errors'), entries: after.keys, seconds },
    load: {
      commands,
      total,
      in: (after.in - before.in) / seconds,
      out: (after.out - before.out) / seconds,
      cpu: (after.cpu - before.cpu) / seconds,
    },
  };
}
