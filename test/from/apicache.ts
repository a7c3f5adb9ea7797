// apicache has no types: what is used of it here.

import type { Request, RequestHandler, Response } from 'express';
import { load } from '../adapters/hosts.js';

export interface Apicache {
  middleware(duration?: string | number, toggle?: (req: Request, res: Response) => boolean): RequestHandler;
  newInstance(options?: object): Apicache;
  options(): object;
  clear(target?: string): unknown;
  getIndex(): { all: string[]; groups: Record<string, string[]> };
}

export const apicache: Apicache = load('apicache');

/** By which its requests name a group. */
export interface Grouped {
  apicacheGroup?: string;
}
