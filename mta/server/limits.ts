/** Limits by address that all workers keep together. Where coordination can't be reached the limit is not enforced: mail goes before counting. */
import { MailError } from '#mail/failure.ts';
import type { SaslOutcome } from '#mail/sasl/exchange.ts';
import { verifySasl } from '#mail/sasl/mechanism.ts';
import type { Lease } from '#runtime/coordination.ts';
import { createLoginGuard, type LoginGuard } from '#runtime/login-guard.ts';
import type { Login } from '#store/directory.ts';
import { addressOf, countedAs, type Peer, type SmtpServices } from './services.ts';

const MINUTE = 60_000;

const FREE: Lease = { release: () => undefined };

/** One of the places that an address may hold at once; `undefined` when all are taken. */
export async function takePlace(services: SmtpServices, peer: Peer): Promise<Lease | undefined> {
  if (peer.exempt) return FREE;
  const { connectionsPerAddress } = services.config.limits;
  const place = await counted(services, FREE, () =>
    services.coordination.acquire(`smtp-connections:${countedAs(peer)}`, connectionsPerAddress),
  );
  if (place === undefined) countHit(services, 'connections');
  return place;
}

/** Counts a message that begins; false when there were too many in the last minute. An account is counted by itself wherever it comes from. */
export async function mayBeginMessage(
  services: SmtpServices,
  peer: Peer,
  account: string | undefined,
): Promise<boolean> {
  if (peer.exempt) return true;
  const key = account === undefined ? `messages:${countedAs(peer)}` : `messages-of:${account}`;
  const count = await counted(services, 0, () => services.coordination.count(key, 1, MINUTE));
  const may = count <= services.config.limits.messagesPerMinutePerAddress;
  if (!may) countHit(services, 'messages');
  return may;
}

/** False when the address has failed to log in too often, over all protocols. */
export async function mayLogIn(services: SmtpServices, peer: Peer): Promise<boolean> {
  if (peer.exempt) return true;
  const may = await counted(services, true, () => guardOf(services).mayTry(addressOf(peer)));
  if (!may) countLogin(services, 'refused');
  return may;
}

/**
 * The account that somebody has proved to be. @throws `limit-exceeded` when the name was tried in vain too often, before the secret is looked at;
 * `not-permitted` when the account is suspended.
 */
export async function verifyLogin(
  services: SmtpServices,
  peer: Peer,
  outcome: SaslOutcome<Login>,
): Promise<Login | undefined> {
  const { directory } = services;
  const remote = addressOf(peer);
  const verify = (): Promise<Login | undefined> =>
    noted(services, remote, outcome.username, () =>
      verifySasl(outcome, (user, password) => directory.authenticate(user, password, 'smtp')),
    );
  const login = await (peer.exempt
    ? verify()
    : guardOf(services).turn(remote, () => attempt(services, remote, outcome.username, verify)));
  countLogin(services, login === undefined ? 'failed' : 'ok');
  if (login === undefined && (await directory.accountNamed(outcome.username))?.secondFactor)
    services.log.info({ remote }, 'the account has a second factor: it takes app passwords alone');
  if (login?.appPassword !== undefined)
    directory.noteUse({ kind: 'app-password', id: login.appPassword, at: services.clock.now(), remote });
  return login;
}

/** In the log of logins; the right password of a suspended account, which `verify` throws for, is refused too. */
async function noted(
  { directory, clock }: SmtpServices,
  remote: string,
  name: string,
  verify: () => Promise<Login | undefined>,
): Promise<Login | undefined> {
  const note = (outcome: 'ok' | 'refused', { account, appPassword }: Partial<Login> = {}): void => {
    const whose = { ...(account !== undefined && { account }), ...(appPassword !== undefined && { appPassword }) };
    directory.noteLogin({ login: name, protocol: 'smtp', remote, outcome, at: clock.now(), ...whose });
  };
  try {
    const login = await verify();
    note(login === undefined ? 'refused' : 'ok', login);
    return login;
  } catch (error) {
    if (error instanceof MailError && error.failure === 'not-permitted') note('refused');
    throw error;
  }
}

async function attempt(
  services: SmtpServices,
  remote: string,
  username: string,
  verify: () => Promise<Login | undefined>,
): Promise<Login | undefined> {
  const guard = guardOf(services);
  // The address again: whoever waited may have failed too often meanwhile.
  const may = async (): Promise<boolean> => (await guard.mayTry(remote)) && (await guard.mayTryAs(remote, username));
  if (!(await counted(services, true, may))) {
    countLogin(services, 'refused');
    throw new MailError('limit-exceeded', 'Too many failed logins');
  }
  const login = await verify();
  if (login === undefined) await counted(services, 0, () => guard.failed(remote, username));
  else await counted(services, undefined, () => guard.succeeded(remote, username));
  return login;
}

const guardOf = ({ coordination, config }: SmtpServices): LoginGuard =>
  createLoginGuard(coordination, config.limits.authFailuresPerMinute);

function countLogin({ metrics }: SmtpServices, result: string): void {
  metrics?.counter('logins_total', { program: 'mta', result }).add();
}

function countHit({ metrics }: SmtpServices, limit: string): void {
  metrics?.counter('limit_hits_total', { program: 'mta', limit }).add();
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
