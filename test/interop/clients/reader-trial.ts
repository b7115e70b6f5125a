/** The trial of a program that a person reads with: pat has four messages from tom; one is answered, one flagged, one filed, one deleted. */
import assert from 'node:assert/strict';
import { readMailbox, submit } from '#test/support/mail-client.ts';
import { until } from '../programs.ts';
import { type ClientPeer, startClientPeer } from './client-peer.ts';
import { listMailbox, type StoredMessage } from './mailbox.ts';

export const QUESTION = 'a question';
export const TO_FLAG = 'please flag';
export const TO_FILE = 'please file';
export const TO_DELETE = 'please delete';
/** In the body of the first. */
export const ASKED = 'what is the answer?';
/** What pat writes back. */
export const ANSWER = 'forty-two, grüße';

export async function startReaderTrial(): Promise<ClientPeer> {
  const client = await startClientPeer(['pat', 'tom']);
  const text = `${ASKED}\n\n${'Some more lines.\n'.repeat(5)}`;
  for (const subject of [QUESTION, TO_FLAG, TO_FILE, TO_DELETE]) {
    await submit(client.person('tom'), { to: 'pat@alpha.test', subject, text });
  }
  await listed(client, 'INBOX', ({ length }) => length === 4, 'four messages');
  return client;
}

export interface Found extends StoredMessage {
  readonly subject: string;
}

/** Waits until a mailbox of pat's is as wanted. */
export async function listed(
  client: ClientPeer,
  mailbox: string,
  wanted: (messages: Found[]) => boolean,
  what: string,
): Promise<Found[]> {
  let last: Found[] = [];
  const look = async () => {
    last = await found(client, mailbox);
    return wanted(last) && last;
  };
  return await until(look, `${what} in ${mailbox}`, async () => JSON.stringify(last, null, 1));
}

async function found(client: ClientPeer, mailbox: string): Promise<Found[]> {
  const messages = await listMailbox(client.account('pat'), mailbox);
  if (messages.length === 0) return [];
  const sources = await readMailbox(client.person('pat'), 0, mailbox);
  return messages.map((message, i) => ({
    ...message,
    subject: /^Subject: (.*)\r$/m.exec(sources[i]?.toString('latin1') ?? '')?.[1] ?? '',
  }));
}

const has = (messages: readonly Found[], subject: string, flag: string) =>
  messages.some((message) => message.subject === subject && message.flags.includes(flag));

/** Over connections of its own: tom has the answer, pat a copy of it, and pat's mailboxes are as the client left them. */
export async function assertReaderTrial(client: ClientPeer, options: { trash?: string } = {}): Promise<void> {
  const [answer] = await readMailbox(client.person('tom'), 1);
  const text = answer?.toString('utf8') ?? '';
  const [question] = await listed(
    client,
    'INBOX',
    (messages) => has(messages, QUESTION, '\\Answered'),
    'the answered question',
  );
  assert.match(text, /^Subject: Re: a question\r$/m);
  assert.ok(text.includes(`\nIn-Reply-To: ${question?.id}`), text);
  assert.match(text, /^Received: from [^;]* with ESMTPSA /m);
  assert.ok(decoded(text).includes(ANSWER), text);
  const inbox = await listed(
    client,
    'INBOX',
    (messages) => messages.length === 2 && has(messages, TO_FLAG, '\\Flagged'),
    'what stays',
  );
  assert.deepEqual(
    inbox.map(({ subject }) => subject),
    [QUESTION, TO_FLAG],
  );
  assert.ok(has(inbox, QUESTION, '\\Seen'));
  const archive = await listed(client, 'Archive', (messages) => messages.length === 1, 'what was filed');
  assert.deepEqual(
    archive.map(({ subject, flags }) => [subject, flags.includes('\\Deleted')]),
    [[TO_FILE, false]],
  );
  const sent = await listed(client, 'Sent', (messages) => messages.length === 1, 'the copy of the answer');
  assert.equal(sent[0]?.id, /^Message-ID: *(\S+)/im.exec(text)?.[1]);
  if (options.trash === undefined) return;
  const trash = await listed(client, options.trash, (messages) => messages.length === 1, 'what was deleted');
  assert.equal(trash[0]?.subject, TO_DELETE);
}

/** A body in quoted-printable or base64 as well as plain. */
function decoded(text: string): string {
  const body = text.slice(text.indexOf('\r\n\r\n') + 4);
  if (/^Content-Transfer-Encoding: base64/im.test(text)) return Buffer.from(body, 'base64').toString('utf8');
  if (!/^Content-Transfer-Encoding: quoted-printable/im.test(text)) return body;
  const octets = body
    .replaceAll('=\r\n', '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(octets, 'latin1').toString('utf8');
}
