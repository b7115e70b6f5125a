/** APPEND (RFC 9051 §6.3.12, RFC 4315 §3, RFC 7889, RFC 6855 §4). The message passes through as it comes; its octets are stored as they are. */
import { MailError } from '#mail/failure.ts';
import type { DateTime } from '#mail/mime/message-index.ts';
import { newId } from '#store/ids.ts';
import type { Mailbox } from '#store/types.ts';
import {
  bad,
  type CommandContext,
  type Completion,
  defineCommand,
  type LiteralHead,
  no,
  ok,
  Refused,
} from '../command.ts';
import { type AppendHead, parseAppendHead, parseAppendTail } from '../grammar/append.ts';
import { END } from '../grammar/cursor.ts';
import { commit, findMailbox, type LoggedIn } from '../mailboxes.ts';
import { appendUidCode } from '../response/codes.ts';
import { MessageSink } from './append/message-sink.ts';

export const append = defineCommand({
  name: 'APPEND',
  allowedIn: ['authenticated', 'selected'],
  capabilities: ({ limits }) => [`APPENDLIMIT=${limits.messageSize}`, 'UIDPLUS'],
  openLiteral,
  parse: (cursor): AppendHead => {
    cursor.sp();
    const head = parseAppendHead(cursor);
    if (cursor.streamedLiteral() === undefined) cursor.fail('expected a literal');
    parseAppendTail(cursor, head);
    return head;
  },
  run: runAppend,
});

/** Refuses before the client sends anything, where it waits for us (RFC 7888 §4). A literal that isn't the message is a plain argument. */
async function openLiteral(
  { cursor, size, binary }: LiteralHead,
  context: CommandContext,
  state: LoggedIn,
): Promise<MessageSink | undefined> {
  cursor.sp();
  // `APPEND {5}`: the name of the mailbox comes as a literal.
  if (cursor.peek() === END) return undefined;
  const head = parseAppendHead(cursor);
  cursor.end();
  if (head.utf8 && !context.session.enabled.has('UTF8=ACCEPT')) throw new Refused(bad('UTF8=ACCEPT is not enabled'));
  if (head.utf8 && !binary) throw new Refused(bad('UTF8 takes a literal8'));
  if (size === 0) throw new Refused(no('A message has at least one octet', 'CANNOT'));
  const { store, random, limits } = context.services;
  if (size > limits.messageSize) {
    throw new Refused(no(`A message has at most ${limits.messageSize} octets`, 'TOOBIG'));
  }
  await requireTarget(context, state, head.mailbox);
  const { quotaBytes, usedBytes } = await store.accountState(state.access);
  if (quotaBytes !== undefined && usedBytes + size > quotaBytes) {
    throw new MailError('over-quota', 'The account is full');
  }
  return new MessageSink({ store, random, owner: state.access.owner, size, binary });
}

async function runAppend(
  head: AppendHead,
  context: CommandContext,
  state: LoggedIn,
  sinks: readonly MessageSink[],
): Promise<Completion> {
  const [sink] = sinks;
  if (sink === undefined) throw new Error('APPEND was run without its message');
  const { body, index } = await sink.take();
  const target = await requireTarget(context, state, head.mailbox);
  const id = newId('message', context.services.random);
  const message = { id, body, prefix: new Uint8Array(0), index, internalDate: head.date ?? now(context) };
  const { results } = await commit(context, state, [
    { type: 'add-message', mailbox: target.id, message, flags: head.flags },
  ]);
  const [result] = results;
  if (result?.type !== 'add-message') throw new Error('the store answered something else than was asked');
  return ok('APPEND completed', appendUidCode(result.uidValidity, String(result.uid)));
}

/** RFC 9051 §6.3.12: the client may create the mailbox and try again. */
async function requireTarget(context: CommandContext, state: LoggedIn, name: string): Promise<Mailbox> {
  const target = await findMailbox(context, state, name);
  if (target === undefined) throw new Refused(no('No such mailbox', 'TRYCREATE'));
  return target;
}

const now = (context: CommandContext): DateTime => ({ time: context.services.clock.now(), zone: 0 });
