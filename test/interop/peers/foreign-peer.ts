/** A mail server that we did not write, as the trials see it. */

import type { Envelope, Host } from './submission.ts';

/** Names of the trials; a peer says by them what it can't. */
export type TrialName = `${'to them' | 'to us'}: ${string}`;

/** A domain whose host never answers: mail for it expires. */
export const DOWN = 'down.test';
/** Another, for which mail need not expire: a server may judge a host by how long it has been away for any message. */
export const AWAY = 'away.test';

export interface ForeignOptions {
  /** A folder of its own, which its own users may enter. It is removed once the server has stopped, or failed to start. */
  readonly folder: string;
  /** Domains that it is final for, all with the same mailboxes; the first is its own. */
  readonly domains: readonly string[];
  /** Local parts that it has mailboxes for. Every other recipient is refused with 550 in the session. */
  readonly users: readonly string[];
  /** Where it shall listen. */
  readonly listen: Host;
  /** Where mail for other domains goes; all hosts use `listen.port`. It may send anywhere for clients on loopback. */
  readonly routes: ReadonlyMap<string, Host>;
  /** `host:port` of a DNS server that has MX records for the same. */
  readonly dns: string;
}

/**
 * One that runs, with what was asked for: STARTTLS offered and used where offered, retries every second or by `nudge`, a notice of delay after
 * three seconds, expiry after twelve (for DOWN at least), messages of 50 MB.
 */
export interface ForeignPeer {
  /** The messages of a mailbox as they were delivered, with CRLF. */
  mailbox(localPart: string): Promise<readonly Buffer[]>;
  /** How a client hands in mail, where its port for mail from others doesn't relay for loopback. */
  inject?(envelope: Envelope, content: Buffer): Promise<void>;
  /** Tries again now what waits in its queue, where its own times can't be set to seconds. */
  nudge?(): Promise<void>;
  log(): Promise<string>;
  stop(): Promise<void>;
}

export interface ForeignKind {
  readonly name: string;
  /** Times that we turn its first callers away in the trial of temporary failures; less where its waits are long. */
  readonly busy?: number;
  /** Its users may send as themselves alone. */
  readonly ownSendersOnly?: true;
  /** It takes recipients that it doesn't know, and tells after the data: by a reply when it knows none of them, else by a report of its own. */
  readonly refusesLate?: true;
  /** What EHLO offers, beyond STARTTLS. It is checked against what it says. */
  readonly offers: readonly ('PIPELINING' | '8BITMIME' | 'SMTPUTF8' | 'CHUNKING' | 'DSN')[];
  /** Trials that make no sense with it, and why. */
  readonly lacks: { readonly [trial: TrialName]: string };
  /** False when it can be started, else why not and how to install it. */
  missing(): string | false;
  start(options: ForeignOptions): Promise<ForeignPeer>;
}
