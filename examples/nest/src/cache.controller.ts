import { timingSafeEqual } from 'node:crypto';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  HttpCode,
  Injectable,
  Post,
  UseGuards,
} from '@nestjs/common';
import type { Request } from 'express';
import { CacheClear, CacheService } from 'respcache/nest';

/** Lets requests pass that bring the token in ADMIN_TOKEN; without such a variable none. */
@Injectable()
class AdminGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { ADMIN_TOKEN: token = '' } = process.env;
    const given = Buffer.from(context.switchToHttp().getRequest<Request>().get('authorization') ?? '');
    const wanted = Buffer.from(`Bearer ${token}`);
    return token !== '' && given.length === wanted.length && timingSafeEqual(given, wanted);
  }
}

@Controller()
export class CacheController {
  constructor(private readonly cacheService: CacheService) {}

  @Get('cache/stats')
  getCacheStats() {
    const { hits, misses, sets, deletes, errors, totalRequests, hitRate, averageHitTime, averageSetTime } =
      this.cacheService.getStats();
    return { hits, misses, sets, deletes, errors, totalRequests, hitRate, averageHitTime, averageSetTime };
  }

  @Get('health/cache')
  async cacheHealth() {
    return this.cacheService.health();
  }

  @Post('cache/clear')
  @HttpCode(200)
  @UseGuards(AdminGuard)
  @CacheClear()
  clearCache() {
    return { message: 'the cache is cleared' };
  }
}
