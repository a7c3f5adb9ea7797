import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AppointmentsController } from './appointments.controller.js';
import { AppointmentsService } from './appointments.service.js';
import { CacheController } from './cache.controller.js';
import { RedisCacheModule } from './cache.module.js';
import { Database } from './database.js';
import { MaintenanceService } from './maintenance.service.js';
import { TenantGuard } from './tenant.guard.js';
import { UsersController } from './users.controller.js';
import { UsersService } from './users.service.js';

@Module({
  imports: [RedisCacheModule],
  controllers: [UsersController, AppointmentsController, CacheController],
  providers: [
    Database,
    UsersService,
    AppointmentsService,
    MaintenanceService,
    // Guards run before the cache answers: a hit, too, is for known tenants alone.
    { provide: APP_GUARD, useClass: TenantGuard },
  ],
})
export class AppModule {}
