/** Carries out plans of changes, each commit all or nothing. */
import { MailError } from '#mail/failure.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { Access, MailboxId, MessageId } from '#store/types.ts';
import { HttpProblem } from '../problems.ts';
import type { RestServices } from '../services.ts';
import { Mutations, type Plan, place, unchanged } from './changes.ts';
import { commit } from './commit.ts';
import { mailOf } from './mail.ts';
import { type Standing, standings } from './standing.ts';

/** Messages of one commit: nobody's delivery is to wait long behind it. */
export const A_COMMIT = 1_000;
/** A message that another session moves meanwhile is looked for again. */
const ATTEMPTS = 3;

export type Standings = ReadonlyMap<MessageId, Standing>;

export interface Options {
  /** As they stood when somebody looked: nothing is changed if anybody else has changed them since. */
  readonly asOf?: Standings;
}

/**
 * Answers how they stand afterwards, those that are still there. At most `A_COMMIT` messages.
 * @throws HttpProblem 412 when they don't stand `asOf` any more.
 */
export async function apply(
  services: RestServices,
  access: Access,
  ids: readonly MessageId[],
  plan: Plan,
  { asOf }: Options = {},
): Promise<Standings> {
  const mail = mailOf(services);
  let found = asOf ?? (await standings(mail, access, ids));
  for (let attempt = 1; ; attempt++) {
    const mutations = new Mutations();
    for (const standing of found.values()) plan(standing, mutations);
    const list = mutations.list();
    if (list.length === 0) return found;
    if (attempt > ATTEMPTS) throw new MailError('unavailable', 'Others change these messages at the same time');
    if (asOf === undefined) await commit(services, access, list);
    else await commitAsOf(services, access, asOf, list);
    found = await standings(mail, access, ids);
    if (asOf !== undefined) return found;
  }
}

async function commitAsOf(
  services: RestServices,
  access: Access,
  asOf: Standings,
  list: readonly Mutation[],
): Promise<void> {
  const demands = unchanged(asOf.values());
  try {
    await commit(services, access, [...demands, ...list]);
  } catch (error) {
    if (!(error instanceof MailError && error.failure === 'conflict')) throw error;
    throw new HttpProblem('precondition-failed', 'It has changed since');
  }
}

/** Into the Trash; what is there already, or with `permanent` everything, goes for good. */
export async function remove(
  services: RestServices,
  access: Access,
  found: Standings,
  permanent: boolean,
  options: Options = {},
): Promise<void> {
  const trash = permanent ? undefined : await trashOf(services, access);
  const inTrash = ({ mailboxIds }: Standing): boolean => mailboxIds.every((id) => id === trash);
  // Decided once: what this very request puts into the Trash stays there.
  const gone = new Set(
    Array.from(found.values())
      .filter((one) => permanent || inTrash(one))
      .map(({ message }) => message),
  );
  const plan: Plan = (standing, to) => {
    if (trash !== undefined && !gone.has(standing.message)) place(standing, new Set([trash]), to);
    else for (const placement of standing.placements) to.expunge(placement);
  };
  await apply(services, access, [...found.keys()], plan, options);
}

/** Made when there is none. */
async function trashOf(services: RestServices, access: Access): Promise<MailboxId> {
  const { mailboxes } = await services.store.mailboxes(access);
  const known = mailboxes.find(({ role }) => role === 'trash') ?? mailboxes.find(({ name }) => name === 'Trash');
  if (known !== undefined) return known.id;
  const id = newId('mailbox', services.random);
  const made: Mutation[] = [
    { type: 'create-mailbox', id, name: 'Trash', role: 'trash' },
    { type: 'subscribe', name: 'Trash', subscribed: true },
  ];
  await commit(services, access, made);
  return id;
}
