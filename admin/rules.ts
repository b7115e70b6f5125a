/** What the acts on filters and on lists of senders share: a change made of what is there, which loses nobody else's. */
import { MailError } from '#mail/failure.ts';
import type { Account } from '#store/directory.ts';
import { accountNamed } from './accounts.ts';
import type { AdminRooms } from './rooms.ts';

const TRIES = 5;

/** With its rules, which lists of accounts leave out. @throws MailError `no-such-account`. */
export async function accountWithRules(rooms: Pick<AdminRooms, 'directory'>, address: string): Promise<Account> {
  const found = await accountNamed(rooms, address);
  return (await rooms.directory.account(found.id)) ?? found;
}

/** Looks and changes again where somebody else was faster. */
export async function retrying<T>(change: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await change();
    } catch (error) {
      if (!(error instanceof MailError && error.failure === 'conflict') || tries === TRIES) throw error;
    }
  }
}
