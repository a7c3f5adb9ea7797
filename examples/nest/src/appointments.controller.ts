import { Body, Controller, Get, Headers, Post } from '@nestjs/common';
import { AppointmentsService } from './appointments.service.js';

@Controller('appointments')
export class AppointmentsController {
  constructor(private readonly appointments: AppointmentsService) {}

  @Get('today')
  async today(@Headers('x-client-id') clientId: string) {
    return this.appointments.today(clientId);
  }

  @Post()
  async book(@Body() { userId, at }: { userId: string; at: string }, @Headers('x-client-id') clientId: string) {
    return this.appointments.book(clientId, userId, at);
  }
}
