/** The mailboxes of a server that shows them over IMAP only, where one account has them all: told apart by Delivered-To, each message read once. */
import { ImapFlow } from 'imapflow';
import type { Host } from './submission.ts';

export interface ImapMailboxes {
  of(localPart: string): Promise<readonly Buffer[]>;
  close(): Promise<void>;
}

/** @param server where it takes a login in the clear: loopback only. */
export async function readByImap(
  server: Host & { readonly login: { readonly user: string; readonly password: string } },
): Promise<ImapMailboxes> {
  const client = new ImapFlow({
    host: server.host,
    port: server.port,
    secure: false,
    doSTARTTLS: false,
    auth: { user: server.login.user, pass: server.login.password },
    logger: false,
  });
  await client.connect();
  await client.mailboxOpen('INBOX', { readOnly: true });
  const messages = new Map<string, Buffer[]>();
  let next = 1;
  let reading: Promise<void> | undefined;

  async function readNew(): Promise<void> {
    await client.noop();
    if (!client.mailbox || client.mailbox.exists === 0) return;
    for await (const { uid, source } of client.fetch(`${next}:*`, { uid: true, source: true }, { uid: true })) {
      // RFC 9051 §9: `n:*` has the last message even where its number is below n.
      if (uid < next || source === undefined) continue;
      next = uid + 1;
      const localPart = deliveredTo(source);
      messages.set(localPart, [...(messages.get(localPart) ?? []), source]);
    }
  }

  return {
    async of(localPart) {
      reading ??= readNew().finally(() => {
        reading = undefined;
      });
      await reading;
      return messages.get(localPart) ?? [];
    },
    close: () => client.logout(),
  };
}

function deliveredTo(message: Buffer): string {
  const [, localPart = ''] = /^delivered-to: (.*)@/im.exec(message.toString('utf8', 0, 4000)) ?? [];
  return localPart;
}
