/** Finding mailboxes by name, and changing them: what most commands do before anything else. */
import { MailError } from '#mail/failure.ts';
import { faultPoint } from '#runtime/fault-points.ts';
import { newId } from '#store/ids.ts';
import type { Mutation, MutationResult } from '#store/mutation.ts';
import { mailboxName } from '#store/names.ts';
import type { Access, Mailbox } from '#store/types.ts';
import { commitPatiently } from '../session/commit.ts';
import { type CommandContext, no, Refused } from './command.ts';
import type { SelectedMailbox } from './session.ts';

/** The states in which somebody is logged in. */
export interface LoggedIn {
  readonly access: Access;
}

/** RFC 9051 §5.1 allows what UTF-8 does; control characters break clients, and lengths need a bound (octets). */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const MAX_NAME = 1_000;
const MAX_LEVELS = 40;

export async function findMailbox(
  context: CommandContext,
  state: LoggedIn,
  name: string,
): Promise<Mailbox | undefined> {
  return await context.services.store.mailboxNamed(state.access, name);
}

/** Throws `no-such-mailbox`. */
export async function requireMailbox(context: CommandContext, state: LoggedIn, name: string): Promise<Mailbox> {
  const found = await findMailbox(context, state, name);
  if (found === undefined) throw new MailError('no-such-mailbox', 'No such mailbox');
  return found;
}

/** A name that a mailbox may be given: canonical, without a final separator (RFC 9051 §6.3.4). Throws `Refused` with CANNOT. */
export function newMailboxName(given: string): string {
  const name = mailboxName(given.endsWith('/') ? given.slice(0, -1) : given);
  const fits = name !== undefined && Buffer.byteLength(name) <= MAX_NAME && name.split('/').length <= MAX_LEVELS;
  if (!fits || CONTROL.test(name)) throw new Refused(no('Not a valid mailbox name', 'CANNOT'));
  return name;
}

/** The parents of `a/b/c` from the top: `a`, `a/b`. */
export function parentsOf(name: string): string[] {
  const levels = name.split('/');
  return levels.slice(1).map((_, i) => levels.slice(0, i + 1).join('/'));
}

/** Mutations that create the parents of a name which don't exist. */
export function missingParents(context: CommandContext, existing: readonly Mailbox[], name: string): Mutation[] {
  const names = new Set(existing.map((mailbox) => mailbox.name));
  return parentsOf(name)
    .filter((parent) => !names.has(parent))
    .map((parent) => ({ type: 'create-mailbox', id: newId('mailbox', context.services.random), name: parent }));
}

/**
 * Commits, and waits until the selected mailbox shows it, so that its effects are reported before the tagged result. A failed precondition is
 * thrown as `MailError`. With the outcome unknown, the same commit is tried again for a while: its id makes that harmless.
 */
export async function commit(
  context: CommandContext,
  state: LoggedIn,
  mutations: readonly Mutation[],
): Promise<{ readonly modseq: number; readonly results: readonly MutationResult[] }> {
  const { random } = context.services;
  const { owner, viewer } = state.access;
  const request = { owner, actor: viewer, id: newId('commit', random), mutations };
  faultPoint('imap:before-commit');
  const answer = await commitPatiently(context.services, request);
  faultPoint('imap:committed');
  if (!answer.ok) throw new MailError(answer.failure, answer.text);
  const current = context.session.state;
  if (current.name === 'selected') {
    if (mutations.length === 1) tellFlags(current.selected, mutations[0]!, answer.results[0], answer.modseq);
    await current.selected.view.sync(answer.modseq);
  }
  return answer;
}

/** Flags of the selected mailbox that we have changed ourselves need not be read again: of STORE 1:* that would be all of it. */
function tellFlags(
  { id, view }: SelectedMailbox,
  mutation: Mutation,
  result: MutationResult | undefined,
  modseq: number,
): void {
  if (mutation.type !== 'set-flags' || mutation.mailbox !== id || result?.type !== 'set-flags') return;
  view.tookFlags(modseq, mutation.change, result.flags, result.changed);
}
