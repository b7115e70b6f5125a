/** An ordinary person's programs for tests: nodemailer sends, imapflow reads. Neither is ours. */
import { ImapFlow } from 'imapflow';
import { createTransport } from 'nodemailer';
import type { TestPeer } from './system.ts';

export interface Person {
  readonly peer: TestPeer;
  readonly address: string;
}

export interface OutgoingMail {
  readonly to: string | readonly string[];
  readonly subject: string;
  readonly text?: string;
  readonly raw?: Buffer | string;
}

/** Submits over implicit TLS with the person's password; resolves to the reply to the final dot. */
export async function submit(person: Person, mail: OutgoingMail): Promise<string> {
  const transport = createTransport({
    host: person.peer.host,
    port: person.peer.port(465),
    secure: true,
    tls: { rejectUnauthorized: false },
    auth: { user: person.address, pass: person.peer.password },
  });
  try {
    const to = [mail.to].flat();
    const info = (await transport.sendMail({
      envelope: { from: person.address, to },
      ...(mail.raw === undefined
        ? { from: person.address, to, subject: mail.subject, text: mail.text ?? 'hello' }
        : { raw: mail.raw }),
    })) as { response: string };
    return info.response;
  } finally {
    transport.close();
  }
}

/** Logs in over implicit TLS, gives the client, and logs out. */
export async function withImap<T>(person: Person, use: (client: ImapFlow) => Promise<T>): Promise<T> {
  const client = new ImapFlow({
    host: person.peer.host,
    port: person.peer.port(993),
    secure: true,
    tls: { rejectUnauthorized: false },
    auth: { user: person.address, pass: person.peer.password },
    logger: false,
  });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.logout();
  }
}

/** The whole sources of a mailbox's messages, once it holds at least `count`: waits by IDLE, not by sleeping. */
export async function readMailbox(person: Person, count: number, mailbox = 'INBOX'): Promise<Buffer[]> {
  return await withImap(person, async (client) => {
    const lock = await client.getMailboxLock(mailbox);
    try {
      await waitForMessages(client, count);
      const sources: Buffer[] = [];
      if (client.mailbox && client.mailbox.exists > 0) {
        for await (const message of client.fetch('1:*', { source: true })) sources.push(message.source as Buffer);
      }
      return sources;
    } finally {
      lock.release();
    }
  });
}

async function waitForMessages(client: ImapFlow, count: number): Promise<void> {
  const enough = () => client.mailbox !== false && client.mailbox.exists >= count;
  await client.noop();
  while (!enough()) {
    const arrival = new Promise<void>((resolve) => client.once('exists', () => resolve()));
    const idle = client.idle();
    await arrival;
    await client.noop();
    await idle.catch(() => undefined);
  }
}
