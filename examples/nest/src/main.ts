import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });

// SIGINT and SIGTERM end the application in good order: first the server, then the cache.
app.enableShutdownHooks();
await app.listen(Number(process.env.PORT ?? 3000));

const { port } = app.getHttpServer().address();
console.log(`NestJS listens on http://localhost:${port}`);
