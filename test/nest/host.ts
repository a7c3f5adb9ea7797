// Real NestJS applications, of whichever version the test project has.

import 'reflect-metadata';
import { createRequire } from 'node:module';
import type { INestApplication, ModuleMetadata, Type } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type Cache, createCache } from 'respcache';
import { CacheModule } from 'respcache/nest';
import supertest from 'supertest';
import { afterEach } from 'vitest';

const version = process.env.NEST_VERSION;

const running: { close(): Promise<unknown> }[] = [];

afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.close();
});

/** Has something closed after the test. */
export function closing<T extends { close(): Promise<unknown> }>(what: T): T {
  running.push(what);
  return what;
}

export function memory(options: Parameters<typeof createCache>[0] = {}): Cache {
  return closing(createCache({ redis: false, ...options }));
}

/** A module from what it consists of, without a class for each. */
export function moduleOf(metadata: ModuleMetadata): Type {
  class TestModule {}
  Module(metadata)(TestModule);
  return TestModule;
}

export interface Host {
  readonly app: INestApplication;
  readonly http: ReturnType<typeof supertest>;
}

/** An application of these parts, which listens on a free port. `prepare`: before it starts. */
export async function host(
  metadata: ModuleMetadata,
  prepare: (app: INestApplication) => void = () => {},
): Promise<Host> {
  const app = closing(
    await NestFactory.create(moduleOf(metadata), { logger: false, abortOnError: false, forceCloseConnections: true }),
  );
  prepare(app);
  await app.listen(0, '127.0.0.1');
  return { app, http: supertest(app.getHttpServer()) };
}

/** An application with controllers over a cache, in memory unless it is given. */
export function withCache(
  cache: Cache,
  metadata: ModuleMetadata,
  prepare?: (app: INestApplication) => void,
): Promise<Host> {
  return host({ ...metadata, imports: [CacheModule.forRoot({ cache }), ...(metadata.imports ?? [])] }, prepare);
}

/** What `@nestjs/common` of the version that the test project names gives, loaded the way that package loads its own. */
export function commonOfVersion(): typeof import('@nestjs/common') {
  const folder = version === '12' ? '../../package.json' : `./versions/${version}/package.json`;
  return createRequire(new URL(folder, import.meta.url))('@nestjs/common');
}
