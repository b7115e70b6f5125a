/** Where drafts and sent mail are, and a message that we have written as the store takes it. */
import type { Random } from '#runtime/ambient.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { MailStore } from '#store/store.ts';
import type { Access, Flags, MailboxId } from '#store/types.ts';
import { receiveMessage } from '#transfer/receive.ts';

/** Where drafts and sent mail are. */
export { type RoleMailbox as Place, roleMailbox as placeOf } from '#store/role-mailbox.ts';

export interface PlaceOptions {
  readonly store: MailStore;
  readonly random: Random;
  readonly access: Access;
  /** Octets that a message may have. */
  readonly limit: number;
}

/** @throws MailError `too-large`, `bad-request`. */
export async function addMessage(
  { store, random, access, limit }: PlaceOptions,
  octets: Uint8Array,
  { mailbox, flags, now }: { readonly mailbox: MailboxId; readonly flags: Flags; readonly now: number },
): Promise<Extract<Mutation, { type: 'add-message' }>> {
  const { body, index } = await receiveMessage({ store, random, owner: access.owner, limit }, chunks(octets));
  const internalDate = { time: now, zone: 0 };
  const message = { id: newId('message', random), body, prefix: new Uint8Array(0), index, internalDate };
  return { type: 'add-message', mailbox, message, flags };
}

const CHUNK = 262_144;

async function* chunks(octets: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < octets.length; at += CHUNK) yield octets.subarray(at, at + CHUNK);
}
