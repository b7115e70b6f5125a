/** SASL as line protocols carry it (IMAP's AUTHENTICATE, POP3's AUTH: RFC 9051 §6.2.2, RFC 5034 §4): base64 lines around the mechanisms of mail/sasl. */
import type { ChannelBinding } from '#mail/sasl/exchange.ts';
import { findMechanism, offeredMechanisms, type SaslMechanism, startSasl } from '#mail/sasl/mechanism.ts';
import type { Login } from '#store/directory.ts';
import type { Authenticator } from './authenticator.ts';

/** LOGIN is an obsolete mechanism, and both protocols have commands of their own for those who know nothing else. */
export const announcedMechanisms = (binding: ChannelBinding | undefined): readonly SaslMechanism[] =>
  offeredMechanisms(binding).filter((name) => name !== 'LOGIN');

/** DESIGN §7: no credentials without TLS except from loopback. */
export const mayAuthenticate = (connection: { readonly tls: boolean; readonly loopback: boolean }): boolean =>
  connection.tls || connection.loopback;

/** The client gave up with `*`, or sent what isn't base64: the protocol says how that is answered. */
export class DialogueEnded extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DialogueEnded';
  }
}

export interface SaslDialogue {
  /** As the client named it. */
  readonly mechanism: string;
  /** As sent: `=` is an empty response (RFC 4959 §3, RFC 5034 §4). */
  readonly initial?: string;
  readonly binding: ChannelBinding | undefined;
  readonly auth: Authenticator;
  readonly remote: string;
  /** Sends a challenge, in base64, and answers the client's line. */
  ask(challenge: string): Promise<string>;
}

/** `undefined` for a mechanism that isn't offered. Throws `DialogueEnded`, `bad-request` for a malformed response, and what the authenticator throws. */
export async function authenticate(dialogue: SaslDialogue): Promise<Login | undefined> {
  const { binding, auth, remote } = dialogue;
  const name = findMechanism(dialogue.mechanism);
  if (name === undefined || !announcedMechanisms(binding).includes(name)) return undefined;
  await auth.admit(remote);
  const { initial } = dialogue;
  const first = initial === undefined ? undefined : decode(initial === '=' ? '' : initial);
  const exchange = startSasl(name, first, { ...auth.sasl, ...(binding && { channelBinding: binding }) });
  let step = await exchange.next();
  while (step.done !== true) {
    const line = await dialogue.ask(Buffer.from(step.value).toString('base64'));
    step = await exchange.next(decode(line));
  }
  return await auth.finish(step.value, remote);
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function decode(text: string): Buffer {
  if (text === '*') throw new DialogueEnded('Authentication cancelled');
  if (!BASE64.test(text)) throw new DialogueEnded('Not base64');
  return Buffer.from(text, 'base64');
}
