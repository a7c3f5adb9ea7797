import { Injectable } from '@nestjs/common';
import { Cacheable, CacheInvalidate } from 'respcache/nest';
import { type Appointment, Database } from './database.js';

const ofClient = (clientId: string) => clientId;

/** The decorators on methods that are no routes: the value is cached, not the answer. */
@Injectable()
export class AppointmentsService {
  constructor(private readonly database: Database) {}

  @Cacheable({ key: 'appointments:today', ttl: 60, tags: ['appointments'], clientId: ofClient })
  async today(clientId: string): Promise<Appointment[]> {
    const { appointments } = await this.database.tables(clientId);
    const today = new Date().toISOString().slice(0, 10);
    return [...appointments.values()].filter(({ at }) => at.startsWith(today));
  }

  @CacheInvalidate({ tags: 'appointments', clientId: ofClient })
  async book(clientId: string, userId: string, at: string): Promise<Appointment> {
    const { appointments } = await this.database.tables(clientId);
    const appointment = { id: String(appointments.size + 1), userId, at };
    appointments.set(appointment.id, appointment);
    return appointment;
  }
}
