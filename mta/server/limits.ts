/** Limits by address that all workers keep together. Where coordination can't be reached the limit is not enforced: mail goes before counting. */
import { MailError } from '#mail/failure.ts';
import type { Lease } from '#runtime/coordination.ts';
import { addressOf, type Peer, type SmtpServices } from './services.ts';

const MINUTE = 60_000;

const FREE: Lease = { release: () => undefined };

/** One of the places that an address may hold at once; `undefined` when all are taken. */
export async function takePlace(services: SmtpServices, peer: Peer): Promise<Lease | undefined> {
  if (peer.exempt) return FREE;
  const { connectionsPerAddress } = services.config.limits;
  return counted(services, FREE, () =>
    services.coordination.acquire(`smtp-connections:${addressOf(peer)}`, connectionsPerAddress),
  );
}

/** Counts a message that begins; false when there were too many in the last minute. An account is counted by itself wherever it comes from. */
export async function mayBeginMessage(
  services: SmtpServices,
  peer: Peer,
  account: string | undefined,
): Promise<boolean> {
  if (peer.exempt) return true;
  const key = account === undefined ? `messages:${addressOf(peer)}` : `messages-of:${account}`;
  const count = await counted(services, 0, () => services.coordination.count(key, 1, MINUTE));
  return count <= services.config.limits.messagesPerMinutePerAddress;
}

/** Failed logins, counted over all protocols. */
export async function mayLogIn(services: SmtpServices, peer: Peer): Promise<boolean> {
  if (peer.exempt) return true;
  const count = await counted(services, 0, () =>
    services.coordination.count(`auth-fail:${addressOf(peer)}`, 0, MINUTE),
  );
  return count < services.config.limits.authFailuresPerMinute;
}

export async function countFailedLogin(services: SmtpServices, peer: Peer): Promise<void> {
  if (peer.exempt) return;
  await counted(services, 0, () => services.coordination.count(`auth-fail:${addressOf(peer)}`, 1, MINUTE));
}

async function counted<T>(services: SmtpServices, otherwise: T, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    services.log.warn({ err: error }, 'a limit could not be checked');
    return otherwise;
  }
}
