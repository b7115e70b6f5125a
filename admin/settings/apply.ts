/** Makes the settings what somebody wants them to be, by the acts of this room, so that each leaves its line in the audit log. */
import { MailError } from '#mail/failure.ts';
import { newAppPassword } from '#store/app-password.ts';
import { resumeAccount, setAdmin, setForward, setMoved, suspendAccount } from '../account-settings.ts';
import { addAccount, removeAccount, setQuota } from '../accounts.ts';
import { addAlias, removeAlias, setAlias } from '../aliases.ts';
import { addDomain, removeDomain, setDomainAlias } from '../domains.ts';
import type { Actor, AdminRooms } from '../rooms.ts';
import { planSettings } from './plan.ts';
import type { AccountSettings, Settings, SettingsChange } from './settings.ts';

export interface ApplyOptions {
  /** Everything is checked and nothing done. */
  readonly dryRun: boolean;
  /** What is there and not wanted goes, with its mail. */
  readonly prune: boolean;
}

export interface Applied {
  readonly dryRun: boolean;
  /** False: it ended at `failed`. The same settings applied again complete it. */
  readonly complete: boolean;
  /** What was done, or would be; in order. */
  readonly done: readonly SettingsChange[];
  /** Removals that were not asked for. */
  readonly kept: readonly SettingsChange[];
  /** Of new accounts; shown this once. */
  readonly passwords: readonly { readonly address: string; readonly password: string }[];
  readonly failed?: { readonly change: SettingsChange; readonly code: string; readonly message: string };
}

/** @throws MailError `bad-request` where the settings can't be: nothing has been changed then. */
export async function applySettings(
  rooms: AdminRooms,
  wanted: Settings,
  { dryRun, prune }: ApplyOptions,
  by: Actor,
): Promise<Applied> {
  const { changes, problems } = await planSettings(rooms, wanted, { prune });
  if (problems.length > 0) {
    const words = problems.slice(0, 3).map(({ target, message }) => `${target} ${message}`);
    const more = problems.length > words.length ? `; and ${problems.length - words.length} more` : '';
    throw new MailError('bad-request', `${words.join('; ')}${more}: nothing was changed`);
  }
  const kept = prune ? [] : changes.filter(({ act }) => act === 'remove');
  const steps = changes.filter((change) => !kept.includes(change));
  if (dryRun) return { dryRun, complete: true, done: steps, kept, passwords: [] };
  const done: SettingsChange[] = [];
  const passwords: { address: string; password: string }[] = [];
  for (const change of steps) {
    try {
      await perform(rooms, change, by, (address, password) => passwords.push({ address, password }));
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      const failed = { change, code: error.failure, message: error.message };
      return { dryRun, complete: false, done, kept, passwords, failed };
    }
    done.push(change);
  }
  return { dryRun, complete: true, done, kept, passwords };
}

async function perform(
  rooms: AdminRooms,
  { act, kind, target, after }: SettingsChange,
  by: Actor,
  made: (address: string, password: string) => void,
): Promise<void> {
  if (kind === 'domain') await performDomain(rooms, { act, target, ...(after && { after }) }, by);
  else if (act === 'remove')
    await (kind === 'alias' ? removeAlias(rooms, target, by) : removeAccount(rooms, target, by));
  else if (kind === 'alias') {
    const { targets } = after as { readonly targets: readonly string[] };
    await (act === 'add' ? addAlias : setAlias)(rooms, { address: target, targets }, by);
  } else {
    if (act === 'add') {
      const password = newAppPassword(rooms.random);
      await addAccount(rooms, { address: target, password }, by);
      made(target, password);
    }
    await setFields(rooms, target, after as AccountFields, by);
  }
}

async function performDomain(
  rooms: AdminRooms,
  { act, target, after }: Pick<SettingsChange, 'act' | 'target' | 'after'>,
  by: Actor,
): Promise<void> {
  const { aliasOf } = (after ?? {}) as { readonly aliasOf?: string | null };
  const wanted = { domain: target, ...(typeof aliasOf === 'string' && { aliasOf }) };
  if (act === 'remove') await removeDomain(rooms, target, by);
  else await (act === 'add' ? addDomain : setDomainAlias)(rooms, wanted, by);
}

/** Null: none any more. */
type AccountFields = {
  readonly [F in 'quota' | 'admin' | 'suspended' | 'forward' | 'moved']?: AccountSettings[F] | null;
};

async function setFields(rooms: AdminRooms, address: string, fields: AccountFields, by: Actor): Promise<void> {
  const { quota, admin, suspended, forward, moved } = fields;
  if (quota !== undefined) await setQuota(rooms, { address, bytes: quota }, by);
  if (admin !== undefined) await setAdmin(rooms, { address, admin: admin === true }, by);
  if (forward !== undefined) await setForward(rooms, { address, ...(forward && { forward }) }, by);
  if (moved !== undefined) await setMoved(rooms, { address, ...(moved && { moved }) }, by);
  if (suspended !== undefined) await (suspended ? suspendAccount : resumeAccount)(rooms, address, by);
}
