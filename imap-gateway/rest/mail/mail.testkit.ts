/** Messages for tests of the mail routes. */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { indexMessage } from '#mail/mime/indexer.ts';
import { newId } from '#store/ids.ts';
import type { Mutation, MutationResult } from '#store/mutation.ts';
import type { Flags, MailboxId } from '#store/types.ts';
import { INLINE_BODY_LIMIT } from '#store/types.ts';
import { random } from '#test/contract/fixtures.ts';
import type { RestUser, RestWorld } from '#test/support/rest.ts';

export interface Letter {
  readonly mailbox?: string;
  readonly flags?: Flags;
  /** When it was received; RFC 3339. */
  readonly at?: string;
}

export interface Delivered {
  readonly id: string;
  readonly thread: string;
  readonly uid: number;
  readonly mailbox: MailboxId;
}

/** Line ends of `text` become CRLF. */
export async function deliver(world: RestWorld, user: RestUser, text: string, letter: Letter = {}): Promise<Delivered> {
  const mailbox = await mailboxId(world, user, letter.mailbox ?? 'INBOX');
  const data = Buffer.from(text.replaceAll(/\r?\n/g, '\r\n'));
  const at = letter.at === undefined ? world.clock.now() : Date.parse(letter.at);
  const body = {
    id: newId('body', random),
    length: data.length,
    crc: crc32(data),
    codec: 'identity',
    key: null,
  } as const;
  async function* content() {
    yield data;
  }
  const message = {
    id: newId('message', random),
    body: data.length > INLINE_BODY_LIMIT ? await world.store.stage(user.id, content()) : { ...body, data },
    prefix: Buffer.from('Return-Path: <x@beta.test>\r\n'),
    index: indexMessage(data),
    internalDate: { time: at, zone: 0 },
  };
  const [result] = await change(world, user, { type: 'add-message', mailbox, message, flags: letter.flags ?? [] });
  assert.equal(result?.type, 'add-message');
  return { id: result.message, thread: result.thread, uid: result.uid, mailbox };
}

export async function change(
  world: RestWorld,
  user: RestUser,
  ...mutations: Mutation[]
): Promise<readonly MutationResult[]> {
  const answer = await world.store.commit({ owner: user.id, actor: user.id, id: newId('commit', random), mutations });
  assert.ok(answer.ok, JSON.stringify(answer));
  return answer.results;
}

export async function mailboxId(world: RestWorld, user: RestUser, name: string): Promise<MailboxId> {
  const found = await world.store.mailboxNamed(user.access, name);
  assert.ok(found, `no mailbox ${name}`);
  return found.id;
}

export const letter = (subject: string, more = '', body = 'Some text.\n'): string =>
  `From: Alice <alice@alpha.test>\nTo: bob@beta.test\nSubject: ${subject}\n${more}\n${body}`;
