/** What a change of messages means in the store: plans that change nothing where everything is as it should be, so that they may be made again. */
import Type, { type Static } from 'typebox';
import { flagKey } from '#store/flags.ts';
import type { FlagChange, Mutation } from '#store/mutation.ts';
import type { Flags, MailboxId, Uid } from '#store/types.ts';
import { fromUids, single } from '#store/uid-set.ts';
import { HttpProblem } from '../problems.ts';
import type { DeepReadonly } from '../route.ts';
import { Id } from '../schemas.ts';
import { flagOf, KEYWORD } from './keywords.ts';
import type { Placement, Standing } from './standing.ts';

const Keywords = Type.Array(Type.String({ pattern: KEYWORD }), { maxItems: 100 });
const Mailboxes = Type.Array(Id, { maxItems: 100 });

export const Change = Type.Object(
  {
    keywords: Type.Optional(Keywords),
    addKeywords: Type.Optional(Keywords),
    removeKeywords: Type.Optional(Keywords),
    mailboxIds: Type.Optional(Type.Array(Id, { minItems: 1, maxItems: 100 })),
    addMailboxIds: Type.Optional(Mailboxes),
    removeMailboxIds: Type.Optional(Mailboxes),
  },
  {
    title: 'MessageChange',
    additionalProperties: false,
    description:
      '`keywords` and `mailboxIds` say all of them; the others add and take away. Adding a mailbox copies, another one instead moves.',
  },
);
export type Change = DeepReadonly<Static<typeof Change>>;

export type Plan = (standing: Standing, to: Mutations) => void;

/** Gathers what is asked of single messages into a few mutations, in an order in which none takes away what another one needs. */
export class Mutations {
  readonly #flags = new Map<string, { change: FlagChange; flags: Flags; mailbox: MailboxId; uids: Uid[] }>();
  readonly #ways = {
    copy: new Map<string, { from: MailboxId; to: MailboxId; uids: Uid[] }>(),
    move: new Map<string, { from: MailboxId; to: MailboxId; uids: Uid[] }>(),
  };
  readonly #expunged = new Map<MailboxId, Uid[]>();

  setFlags({ mailbox, uid }: Placement, change: FlagChange, flags: Flags): void {
    const key = `${mailbox} ${change}`;
    const entry = this.#flags.get(key) ?? { change, flags, mailbox, uids: [] };
    entry.uids.push(uid);
    this.#flags.set(key, entry);
  }

  transfer(way: 'copy' | 'move', { mailbox: from, uid }: Placement, to: MailboxId): void {
    const key = `${from} ${to}`;
    const entry = this.#ways[way].get(key) ?? { from, to, uids: [] };
    entry.uids.push(uid);
    this.#ways[way].set(key, entry);
  }

  expunge({ mailbox, uid }: Placement): void {
    this.#expunged.set(mailbox, [...(this.#expunged.get(mailbox) ?? []), uid]);
  }

  list(): Mutation[] {
    const set = (uids: Uid[]) => fromUids(uids.sort((a, b) => a - b));
    return [
      ...Array.from(this.#flags.values(), ({ uids, ...rest }): Mutation => {
        return { type: 'set-flags', ...rest, uids: set(uids) };
      }),
      ...(['copy', 'move'] as const).flatMap((type) =>
        Array.from(this.#ways[type].values(), ({ from, to, uids }): Mutation => ({ type, from, to, uids: set(uids) })),
      ),
      ...Array.from(this.#expunged, ([mailbox, uids]): Mutation => {
        return { type: 'expunge', mailbox, uids: set(uids), onlyDeleted: false };
      }),
    ];
  }
}

/** In front of a change: it is made only if the messages still stand so. */
export function unchanged(found: Iterable<Standing>): Mutation[] {
  return Array.from(found).flatMap(({ placements }) =>
    placements.map(({ mailbox, uid, modseq }): Mutation => {
      return { type: 'require-unchanged', mailbox, uids: single(uid), since: modseq };
    }),
  );
}

/** @throws HttpProblem 400 for a change that contradicts itself. */
export function planOf(change: Change): Plan {
  if (change.keywords !== undefined && (change.addKeywords ?? change.removeKeywords) !== undefined) {
    throw contradiction('keywords', 'says all keywords: nothing is left to add or to take away');
  }
  if (change.mailboxIds !== undefined && (change.addMailboxIds ?? change.removeMailboxIds) !== undefined) {
    throw contradiction('mailboxIds', 'says all mailboxes: nothing is left to add or to take away');
  }
  return (standing, to) => {
    keywords(change, standing, to);
    place(standing, targetsOf(change, standing), to);
  };
}

const contradiction = (name: string, message: string): HttpProblem =>
  new HttpProblem('bad-request', `${name} ${message}`, { errors: [{ path: `/body/${name}`, message }] });

function keywords(change: Change, { placements }: Standing, to: Mutations): void {
  const wanted: [FlagChange, readonly string[] | undefined][] = [
    ['replace', change.keywords],
    ['add', change.addKeywords],
    ['remove', change.removeKeywords],
  ];
  for (const [how, names] of wanted) {
    if (names === undefined) continue;
    const flags = names.map(flagOf);
    for (const placement of placements) if (!isSo(placement.flags, how, flags)) to.setFlags(placement, how, flags);
  }
}

function isSo(current: Flags, how: FlagChange, flags: Flags): boolean {
  const has = new Set(current.map(flagKey));
  const keys = new Set(flags.map(flagKey));
  if (how === 'add') return keys.isSubsetOf(has);
  return how === 'remove' ? keys.isDisjointFrom(has) : keys.symmetricDifference(has).size === 0;
}

function targetsOf(change: Change, { mailboxIds }: Standing): ReadonlySet<MailboxId> {
  if (change.mailboxIds !== undefined) return new Set(change.mailboxIds);
  const targets = new Set(mailboxIds).union(new Set(change.addMailboxIds)).difference(new Set(change.removeMailboxIds));
  if (targets.size > 0) return targets;
  throw contradiction('removeMailboxIds', 'leaves a message in no mailbox: delete it instead');
}

/** Flags go along with copies and moves, so they are set before. */
export function place({ placements }: Standing, targets: ReadonlySet<MailboxId>, to: Mutations): void {
  const has = new Set(placements.map(({ mailbox }) => mailbox));
  const [first, ...more] = [...targets].filter((mailbox) => !has.has(mailbox));
  const [leaving, ...others] = placements.filter(({ mailbox }) => !targets.has(mailbox));
  for (const mailbox of more) to.transfer('copy', placements[0]!, mailbox);
  if (first !== undefined) to.transfer(leaving === undefined ? 'copy' : 'move', leaving ?? placements[0]!, first);
  else if (leaving !== undefined) to.expunge(leaving);
  for (const placement of others) to.expunge(placement);
}
