/**
 * The side that an account leaves. It copies everything while mail comes and clients work, then what has changed since, until little changes; then it closes the account
 * here, copies the rest, opens it there, sends new mail after it, and copies what had still come in. After each step that must not be forgotten it writes down where
 * it is, so that whoever is killed goes on from there; everything between may be done again.
 */
import { MailError } from '#mail/failure.ts';
import type { Random } from '#runtime/ambient.ts';
import type { Account, By, Directory } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import type { MailStore } from '#store/store.ts';
import type { Access } from '#store/types.ts';
import { packAppPasswords } from '../archive/app-passwords.ts';
import { packSecret } from '../archive/manifest.ts';
import { packRules } from '../archive/rules.ts';
import { packSecondFactor } from '../archive/second-factor.ts';
import { allRecords } from '../archive/write.ts';
import { MARK_KIND } from '../import/marks.ts';
import { type Unreadable, UnreadableList } from '../readable.ts';
import { type Pass, passOver, type Since } from './pass.ts';
import type { MoveTarget } from './protocol.ts';

export interface MoveWork {
  readonly store: MailStore;
  readonly directory: Directory;
  readonly random: Random;
  readonly account: Account;
  readonly target: MoveTarget;
  /** Where the other peer is, as it is shown and written down. */
  readonly to: string;
  /** The address there. */
  readonly as: string;
  /** What the old address does afterwards. */
  readonly how: 'forward' | 'reject';
  readonly by: By;
  readonly signal: AbortSignal;
  /** No more logins, and those who are logged in are sent away. */
  readonly close: () => Promise<void>;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly report: (progress: MoveProgress) => void;
}

export type MovePhase = 'copy' | 'switch' | 'late' | 'done';

export interface MoveProgress {
  readonly phase: MovePhase;
  readonly pass: number;
  readonly messages: number;
  readonly octets: number;
  /** Messages whose flags were followed, and messages that went. */
  readonly changed: number;
  /** Messages that are damaged: they stay behind. */
  readonly failed: number;
  /** The first of them. */
  readonly failures: readonly Unreadable[];
}

interface Written {
  readonly id: string;
  readonly to: string;
  readonly as: string;
  readonly phase: MovePhase;
  /** By mailbox, the modseq up to which it was followed. */
  readonly since: Since;
  /** By mailbox, the last UID that is the same there: of later mail they differ. */
  readonly same?: Readonly<Record<string, number>>;
  /** So far, whoever did it. */
  readonly sent?: Sent;
}

type Sent = Pick<MoveProgress, 'pass' | 'messages' | 'octets' | 'changed'>;

const KIND = 'move';
const RECORD = 'outgoing';
/** When a pass found no more than this, the account is closed. */
const LITTLE = 20;
const MOST_PASSES = 20;
/** Deliveries that had begun before the switch end within it. */
const QUIET_MS = 1_500;
const QUIET_PASSES = 3;
/** A pass that the other side could not take is tried again. */
const TRIES = 5;
const RETRY_MS = 250;

/** @throws MailError `unavailable` when the other peer can't be reached: run it again. */
export function moveAccount(work: MoveWork): Promise<MoveProgress> {
  return new Mover(work).run();
}

class Mover {
  readonly #work: MoveWork;
  readonly #access: Access;
  readonly #total = { phase: 'copy' as MovePhase, pass: 0, messages: 0, octets: 0, changed: 0 };
  readonly #lost = new UnreadableList();
  #written!: Written;

  constructor(work: MoveWork) {
    this.#work = work;
    this.#access = { owner: work.account.id, viewer: work.account.id };
  }

  async run(): Promise<MoveProgress> {
    this.#written = await begin(this.#work, this.#access);
    Object.assign(this.#total, this.#written.sent, { phase: this.#written.phase });
    if (this.#written.phase === 'copy') await this.#copy();
    if (this.#written.phase === 'switch') await this.#switch();
    if (this.#written.phase === 'late') await this.#late();
    return this.#progress();
  }

  #sent(): Sent {
    const { phase: _, ...sent } = this.#total;
    return sent;
  }

  #progress(): MoveProgress {
    return { ...this.#total, failed: this.#lost.count, failures: [...this.#lost.first] };
  }

  async #copy(): Promise<void> {
    for (let i = 0; i < MOST_PASSES && (await this.#pass()) > LITTLE; i++);
    await this.#enter('switch');
  }

  async #switch(): Promise<void> {
    const { target, account, directory, by } = this.#work;
    const { id, as } = this.#written;
    await this.#work.close();
    // Once it was opened there, mailboxes over there are their own.
    if (!(await target.state(id, as)).active) {
      // What still comes in then goes over late; and a target that always claims to lack something doesn't keep the account closed.
      for (let i = 0; i < MOST_PASSES && (await this.#pass()) > 0; i++);
      await sendRecords(this.#work, id, as);
    }
    const same = await open(this.#work, this.#written);
    await directory.change({ type: 'set-moved', id: account.id, moved: { to: as, how: 'forward' } }, by);
    await this.#enter('late', { same });
  }

  async #late(): Promise<void> {
    const { wait, signal, how, directory, account, by } = this.#work;
    for (let quiet = 0; quiet < QUIET_PASSES; quiet = (await this.#pass()) === 0 ? quiet + 1 : 0) {
      await wait(QUIET_MS, signal);
      signal.throwIfAborted();
    }
    if (how === 'reject') {
      await directory.change({ type: 'set-moved', id: account.id, moved: { to: this.#written.as, how } }, by);
    }
    await this.#enter('done');
  }

  /** Answers how much there was to send. */
  async #pass(): Promise<number> {
    const { signal, wait } = this.#work;
    for (let tries = 1; ; tries++) {
      signal.throwIfAborted();
      this.#total.pass += 1;
      try {
        const found = await passOver(this.#asPass());
        await this.#followed(found.since);
        return found.changes;
      } catch (error) {
        const passing = error instanceof MailError && ['conflict', 'unavailable'].includes(error.failure);
        if (!passing || tries >= TRIES) throw error;
        await wait(RETRY_MS * 2 ** tries, signal);
      }
    }
  }

  #asPass(): Pass {
    const { store, random, target, signal } = this.#work;
    const { id, as, since, same } = this.#written;
    const pass = { store, random, access: this.#access, target, id, address: as, since, signal, lost: this.#lost };
    const told = { counted: this.#counted, followed: this.#followed };
    return { ...pass, ...told, ...(same === undefined ? {} : { same }) };
  }

  readonly #followed = async (since: Since): Promise<void> => {
    this.#written = await write(this.#work, this.#access, { ...this.#written, since, sent: this.#sent() });
  };

  readonly #counted = (messages: number, octets: number, changed: number): void => {
    this.#total.messages += messages;
    this.#total.octets += octets;
    this.#total.changed += changed;
    this.#work.report(this.#progress());
  };

  async #enter(phase: MovePhase, more: Partial<Written> = {}): Promise<void> {
    this.#written = await write(this.#work, this.#access, { ...this.#written, ...more, phase, sent: this.#sent() });
    this.#total.phase = phase;
    this.#work.report(this.#progress());
  }
}

/** What imports have taken, so that they go on there. */
async function sendRecords({ store, account, target }: MoveWork, id: string, as: string): Promise<void> {
  let { version } = await target.state(id, as);
  for await (const record of allRecords(store, { owner: account.id, viewer: account.id }, MARK_KIND)) {
    const change = { type: 'put-record', kind: MARK_KIND, id: record.id, value: record.value } as const;
    version = (await target.changes(id, as, version, [change])).version;
  }
}

async function begin(work: MoveWork, access: Access): Promise<Written> {
  const { account, store } = work;
  const record = await store.record(access, KIND, RECORD);
  const before = record === undefined ? undefined : (JSON.parse(record.value) as Written);
  const begun = before !== undefined && (before.phase !== 'done' || account.moved !== undefined);
  const same = before?.to === work.to && before.as === work.as;
  // As long as nothing but copying was done, it may still go elsewhere.
  if (begun && !same && before.phase !== 'copy') {
    throw new MailError('exists', `it has moved, or is moving, to ${before.as} at ${before.to}`);
  }
  const written: Written =
    begun && same ? before : { id: newId('commit', work.random), to: work.to, as: work.as, phase: 'copy', since: {} };
  if (written !== before) await write(work, access, written);
  if (written.phase === 'copy') await offer(work, access, written);
  return written;
}

/** The same again is no other. */
async function offer(
  { store, directory, account, target }: MoveWork,
  access: Access,
  { id, as }: Written,
): Promise<void> {
  const secret = await directory.secret(account.id);
  if (secret === undefined) throw new MailError('no-such-account', `there is no account ${account.address}`);
  const { mailboxes, subscribed } = await store.mailboxes(access);
  await target.offer({
    id,
    address: as,
    secret: packSecret(secret),
    subscribed,
    mailboxes: mailboxes.map(({ id: mailbox, name, role, uidValidity, uidNext, messages }) => {
      return { id: mailbox, name, uidValidity, uidNext, messages, ...(role === undefined ? {} : { role }) };
    }),
  });
}

/** Answers the UIDs up to which both sides have the same. */
async function open(
  { store, directory, target, account }: MoveWork,
  { id, as }: Written,
): Promise<Record<string, number>> {
  const { quotaBytes } = await store.accountState({ owner: account.id, viewer: account.id });
  const state = await target.state(id, as);
  const { forward } = account;
  const appPasswords = await packAppPasswords(directory, account.id);
  await target.activate(id, as, {
    version: state.version,
    ...(quotaBytes === undefined ? {} : { quota: quotaBytes }),
    ...(forward === undefined ? {} : { forward }),
    ...(await packRules(directory, account.id)),
    ...(appPasswords.length === 0 ? {} : { appPasswords }),
    ...(await packSecondFactor(directory, account.id)),
  });
  return { ...state.last };
}

async function write({ store, random }: MoveWork, access: Access, written: Written): Promise<Written> {
  const answer = await store.commit({
    owner: access.owner,
    actor: access.viewer,
    id: newId('commit', random),
    mutations: [{ type: 'put-record', kind: KIND, id: RECORD, value: JSON.stringify(written) }],
  });
  if (!answer.ok) throw new MailError(answer.failure, answer.text);
  return written;
}
