import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';

export interface User {
  readonly id: string;
  readonly name: string;
}

export interface Appointment {
  readonly id: string;
  readonly userId: string;
  readonly at: string;
}

export interface Tables {
  readonly users: Map<string, User>;
  readonly appointments: Map<string, Appointment>;
}

export const TENANTS: readonly string[] = ['acme', 'globex'];

/** A slow database in memory, with tables of its own for each tenant. */
@Injectable()
export class Database {
  readonly #tenants = new Map(TENANTS.map((tenant) => [tenant, beginning()]));

  /** How often it was asked. */
  reads = 0;

  async tables(tenant: string): Promise<Tables> {
    this.reads++;
    await sleep(50);
    return this.#tenants.get(tenant) ?? beginning();
  }
}

function beginning(): Tables {
  const users = ['Ada', 'Grace'].map((name, i) => [String(i + 1), { id: String(i + 1), name }] as const);
  const today = new Date().toISOString().slice(0, 10);
  const appointments = [['1', { id: '1', userId: '1', at: `${today}T09:00:00.000Z` }]] as const;
  return { users: new Map(users), appointments: new Map(appointments) };
}
