/** IMAP sockets (143 with STARTTLS, 993 with TLS from the first byte): each becomes a session of the driver. */
import { type ListenerRooms, type ListenerSettings, SessionListener } from '../session/listener.ts';
import type { ImapServices } from './command.ts';
import { commandTable } from './commands/table.ts';
import { serveConnection } from './driver.ts';
import { commandCounter } from './figures.ts';

export type ImapListenerSettings = ListenerSettings<ImapServices>;

export class ImapListener extends SessionListener<'imap' | 'imaps', ImapServices> {
  constructor(rooms: ListenerRooms, settings: ImapListenerSettings) {
    const answered = rooms.metrics && commandCounter(rooms.metrics);
    super(
      rooms,
      {
        clear: 'imap',
        implicit: 'imaps',
        noPlace: '* BYE [LIMIT] Too many connections from your address\r\n',
        serve: (connection, services, reception) =>
          serveConnection(connection, { services, table: commandTable, ...reception, ...(answered && { answered }) }),
      },
      settings,
    );
  }
}
