import { Injectable } from '@nestjs/common';

/** What `@nestjs/config` gives, as far as it is needed here: the environment, which is text. */
@Injectable()
export class ConfigService {
  get<T>(name: string, fallback: T): T | string {
    return process.env[name] || fallback;
  }
}
