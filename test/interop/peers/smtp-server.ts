/** A small peer on the smtp-server library, which passes mail on with nodemailer while its client waits: it has no queue. */
import { once } from 'node:events';
import { createTransport } from 'nodemailer';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';
import { testCertificate } from '#test/support/certificate.ts';
import type { ForeignKind, ForeignOptions, ForeignPeer } from './foreign-peer.ts';

const NO_QUEUE = 'it has no queue: its client hears at once';

export const smtpServer: ForeignKind = {
  name: 'smtp-server',
  offers: ['PIPELINING', '8BITMIME', 'SMTPUTF8'],
  lacks: {
    'to us: pipelined': 'its client waits for each reply',
    'to us: BDAT': 'its client has no BDAT',
    'to us: every odd byte, by BDAT': 'its client has no BDAT',
    'to us: SMTPUTF8, which we seem to lack: they bounce': NO_QUEUE,
    'to us: an unknown recipient, and their bounce from the null sender': NO_QUEUE,
    'to us: a temporary failure, then success': NO_QUEUE,
    'to us: their notice of delay': NO_QUEUE,
    'to us: their notice of expiry': NO_QUEUE,
  },
  missing: () => false,
  start,
};

async function start({ domains, users, listen, routes }: ForeignOptions): Promise<ForeignPeer> {
  const mailboxes = new Map<string, Buffer[]>(users.map((user) => [user, []]));
  const { certificate, key } = testCertificate();
  const parts = (address: string) =>
    [address.slice(0, address.lastIndexOf('@')), address.slice(address.lastIndexOf('@') + 1)] as const;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH'],
    cert: certificate,
    key,
    size: 50_000_000,
    logger: false,
    onRcptTo({ address }, _session, done) {
      const [local, domain] = parts(address);
      const known = !domains.includes(domain) || mailboxes.has(local);
      done(known ? undefined : Object.assign(new Error('5.1.1 unknown here'), { responseCode: 550 }));
    },
    onData(stream, session, done) {
      void answer(stream, session, done);
    },
  });

  async function answer(
    stream: AsyncIterable<Buffer>,
    session: SMTPServerSession,
    done: (error?: Error) => void,
  ): Promise<void> {
    try {
      await take(await gather(stream), session);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  }

  async function take(content: Buffer, session: SMTPServerSession): Promise<void> {
    const onward = new Map<string, string[]>();
    for (const { address } of session.envelope.rcptTo) {
      const [local, domain] = parts(address);
      if (domains.includes(domain)) mailboxes.get(local)?.push(content);
      else onward.set(domain, [...(onward.get(domain) ?? []), address]);
    }
    for (const [domain, to] of onward) await relay(content, domain, to, session);
  }

  async function relay(raw: Buffer, domain: string, to: string[], session: SMTPServerSession): Promise<void> {
    const route = routes.get(domain);
    const { mailFrom } = session.envelope;
    if (route === undefined || mailFrom === false) throw Object.assign(new Error('no way'), { responseCode: 550 });
    const transport = createTransport({ ...route, name: `mx.${domains[0]}`, tls: { rejectUnauthorized: false } });
    await transport.sendMail({ envelope: { from: mailFrom.address, to, use8BitMime: true }, raw });
    transport.close();
  }

  server.on('error', () => undefined);
  server.listen(listen.port, listen.host);
  await once(server.server, 'listening');
  return {
    mailbox: async (localPart) => mailboxes.get(localPart) ?? [],
    log: async () => '',
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function gather(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of stream) all.push(chunk);
  return Buffer.concat(all);
}
