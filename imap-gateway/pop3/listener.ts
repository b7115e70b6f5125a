/** POP3 sockets (110 with STLS, 995 with TLS from the first byte): each becomes a session of the driver. */
import { type ListenerRooms, type ListenerSettings, SessionListener } from '../session/listener.ts';
import type { Pop3Services } from './command.ts';
import { commandTable } from './commands/table.ts';
import { serveConnection } from './driver.ts';
import { commandCounter } from './figures.ts';

export type Pop3ListenerSettings = ListenerSettings<Pop3Services>;

export class Pop3Listener extends SessionListener<'pop3' | 'pop3s', Pop3Services> {
  constructor(rooms: ListenerRooms, settings: Pop3ListenerSettings) {
    const answered = rooms.metrics && commandCounter(rooms.metrics);
    super(
      rooms,
      {
        clear: 'pop3',
        implicit: 'pop3s',
        noPlace: '-ERR [SYS/TEMP] Too many connections from your address\r\n',
        serve: (connection, services, reception) =>
          serveConnection(connection, { services, table: commandTable, ...reception, ...(answered && { answered }) }),
      },
      settings,
    );
  }
}
