/** What USER with PASS and AUTH have in common: the way into the maildrop of somebody who has proved to be `login`. */
import type { Login } from '#store/directory.ts';
import type { CommandContext } from '../command.ts';
import { enter } from '../maildrop/entrance.ts';
import { Maildrop } from '../maildrop/maildrop.ts';
import { err, ok, type Reply } from '../response/reply.ts';

/** DESIGN §7. Not [AUTH], by which a client would ask for another password. */
export const NEEDS_TLS: Reply = err('Passwords need TLS here: STLS, or port 995', 'SYS/PERM');

const REFUSALS = {
  'IN-USE': 'The maildrop is in use by another session',
  'LOGIN-DELAY': 'The last login was a moment ago, wait a little',
} as const;

export async function logIn(context: CommandContext, login: Login): Promise<Reply> {
  const { session, services, connection, log } = context;
  const { coordination, clock, policy } = services;
  const exclusive = policy.inUse === 'refuse';
  const admission = await enter(login.account, { coordination, clock, log, exclusive, loginDelay: policy.loginDelay });
  if ('refused' in admission) return err(REFUSALS[admission.refused], admission.refused);
  const { lock } = admission;
  try {
    const access = { owner: login.account, viewer: login.account };
    const { store, random } = services;
    const maildrop = await Maildrop.open({ store, access, clock, random, log });
    session.state = { name: 'transaction', login, access, maildrop, lock };
    log.info({ login: login.address, remote: connection.remote, tls: connection.tls }, 'logged in');
    return ok(`${maildrop.messages} messages (${maildrop.octets} octets)`);
  } catch (error) {
    lock.release();
    throw error;
  }
}
