import { BadRequestException, type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { TENANTS } from './database.js';

/** The cache keeps tenants apart by this header of its own accord. Only known tenants get as far as that. */
@Injectable()
export class TenantGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    // The cache's own figures belong to nobody.
    if (/^\/(cache|health)\//.test(request.path)) return true;
    if (TENANTS.includes(request.get('x-client-id') ?? '')) return true;
    throw new BadRequestException(`x-client-id: takes one of ${TENANTS.join(', ')}`);
  }
}
