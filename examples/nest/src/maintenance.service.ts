import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { CacheService } from 'respcache/nest';

const DAY = 24 * 60 * 60 * 1000;

/**
 * What runs each night, as `@Cron('0 1 * * *')` of `@nestjs/schedule` would have it. What expires needs nobody: Redis
 * drops it by itself, and what was invalidated the cache removes in the background.
 */
@Injectable()
export class MaintenanceService implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #logger = new Logger(MaintenanceService.name);
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly cacheService: CacheService) {}

  onApplicationBootstrap(): void {
    this.#schedule();
  }

  onApplicationShutdown(): void {
    clearTimeout(this.#timer);
  }

  /** Where BACKUP_FILE says so. A backup that fails is told of, and ends nothing. */
  async backupCache(): Promise<void> {
    const { BACKUP_FILE: file } = process.env;
    if (!file) return;
    try {
      const { entries } = await this.cacheService.backup(file);
      this.#logger.log(`${entries} entries saved`);
    } catch (error) {
      this.#logger.error(error);
    }
  }

  #schedule(): void {
    const one = new Date().setHours(1, 0, 0, 0);
    const wait = (one - Date.now() + DAY) % DAY || DAY;
    this.#timer = setTimeout(() => {
      void this.backupCache();
      this.#schedule();
    }, wait).unref();
  }
}
