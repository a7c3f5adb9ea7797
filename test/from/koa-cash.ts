// One handler in koa-cash's style and in this cache's; koa-cash has no types: what is used of it here.

import Koa, { type Context, type Middleware } from 'koa';
import type { Cache } from 'respcache';
import { cacheMiddleware } from 'respcache/koa';
import type { Ask } from '../adapters/client.js';
import { load } from '../adapters/hosts.js';
import { type Stage, texts } from './stage.js';

export interface Options {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<unknown>;
  methods?: Record<string, boolean>;
}

interface Cashing {
  cashed(maxAge?: number): Promise<boolean>;
}

export const koaCash: (options: Options) => Middleware = load('koa-cash');

export type Handler = (ctx: Context, run: number) => unknown;

export interface Ports {
  readonly old: number;
  readonly now: number;
}

export function mapStore(): Options {
  const map = new Map<string, unknown>();
  return { get: async (key) => map.get(key), set: async (key, value) => map.set(key, value) };
}

/** Serves one handler, in koa-cash's style and in this one's. */
export async function both(
  stage: Stage,
  handler: Handler,
  world: { old?: Options; cache?: Cache; arrives?: () => unknown } = {},
): Promise<Ports & { runs: { old: number; now: number } }> {
  const { old = mapStore(), cache = stage.cache(), arrives } = world;
  const serve = (...layers: Middleware[]) => {
    const app = new Koa();
    app.silent = true;
    app.use((_ctx, next) => {
      const done = next();
      arrives?.();
      return done;
    });
    for (const layer of layers) app.use(layer);
    return stage.serve(app.callback());
  };
  const runs = { old: 0, now: 0 };
  const cashed: Middleware = async (ctx) => {
    if (!(await (ctx as unknown as Cashing).cashed())) await handler(ctx, ++runs.old);
  };
  return {
    old: await serve(koaCash(old), cashed),
    now: await serve(cacheMiddleware({ cache }), (ctx) => handler(ctx, ++runs.now)),
    runs,
  };
}

export async function asked(
  ports: Ports,
  ...requests: (string | readonly [string, Ask])[]
): Promise<{ old: string[]; now: string[] }> {
  return { old: await texts(ports.old, ...requests), now: await texts(ports.now, ...requests) };
}

export const count: Handler = (ctx, run) => {
  ctx.body = String(run);
};
