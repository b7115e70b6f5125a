/** One SMTP engine that reads, answers and throws away: `peerpost` (our server with all that it checks) or `smtp-server` (the npm library). Prints its port. */
import { createServer } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { parseAddress } from '#mail/address.ts';
import { reply } from '#mail/smtp/reply.ts';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { SocketConnection } from '#runtime/socket-connection.ts';
import { systemClock as clock, systemRandom as random } from '#runtime/system.ts';
import { silentLog as log } from '#test/support/log.ts';
import { createSmtpServer } from '../../../mta/server/listener.ts';
import { fakeDirectory, memorySpool, noNames, testConfig } from '../../dialog/smtp/world.ts';
import { DOMAIN } from './system.ts';

if (process.argv[2] === 'peerpost') startOurs();
else startLibrary();

function startOurs(): void {
  const smtp = createSmtpServer({
    config: testConfig({ messageSize: 50_000_000 }),
    directory: {
      ...fakeDirectory(),
      lookup: async (address) => {
        if (address.domain !== DOMAIN) return { kind: 'foreign' };
        return { kind: 'account', account: 'user', address: parseAddress(`user@${DOMAIN}`) };
      },
    },
    sink: { accept: async ({ id }) => reply(250, '0.0', `Thrown away (${id})`) },
    resolver: noNames,
    coordination: new LocalCoordination(clock),
    spool: memorySpool(),
    hasRoom: async () => true,
    clock,
    random,
    log,
  });
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    void smtp.accept('smtp', new SocketConnection(socket, { clock, random }));
  });
  server.listen(0, '127.0.0.1', () => tell(server.address()));
}

function startLibrary(): void {
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    size: 50_000_000,
    maxClients: 1000,
    onRcptTo: ({ address }, _session, done) =>
      done(address.endsWith(`@${DOMAIN}`) ? null : new Error('no such user here')),
    onData(stream, _session, done) {
      stream.resume();
      stream.on('end', () => done());
    },
  });
  const listening = server.listen(0, '127.0.0.1', () => tell(listening.address()));
}

function tell(address: ReturnType<ReturnType<typeof createServer>['address']>): void {
  if (typeof address === 'object') process.send?.(address?.port);
}
