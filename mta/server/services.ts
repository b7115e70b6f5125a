/** What the receiving side of the MTA is given by `main.ts`, and what it knows of one connection. */
import type { Config } from '#config/config.ts';
import { networkOf } from '#runtime/address.ts';
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import type { Connection } from '#runtime/connection.ts';
import type { Coordination } from '#runtime/coordination.ts';
import type { Resolver } from '#runtime/dns/resolver.ts';
import type { Metrics } from '#runtime/metrics/metrics.ts';
import type { Command, CommandTable } from '#runtime/smtp/command-table.ts';
import type { Session } from '#runtime/smtp/session.ts';
import type { Directory, Login } from '#store/directory.ts';
import type { MessageSink } from '../message-sink.ts';
import type { Recipient } from './recipients.ts';

export interface SmtpServices {
  readonly config: Config;
  readonly directory: Directory;
  readonly sink: MessageSink;
  readonly resolver: Resolver;
  readonly coordination: Coordination;
  readonly metrics?: Metrics;
  readonly spool: Spool;
  /** Whether the disk has room for so many octets. */
  readonly hasRoom: (octets: number) => Promise<boolean>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Large content goes to files while it comes in (DESIGN §3). `spool.ts` writes real ones. */
export interface Spool {
  create(id: string): Promise<SpoolFile>;
}

export interface SpoolFile {
  readonly path: string;
  write(chunk: Uint8Array): Promise<void>;
  /** All is written; the file is not synced, that is for who makes it durable. */
  close(): Promise<void>;
  /** Closes and removes it. */
  remove(): Promise<void>;
}

/** `submission-unix` is the inner socket over which our own gateway and commands submit, as whichever account they name. */
export type ListenerKind = 'smtp' | 'submission' | 'submissions' | 'submission-unix';

/** Who is at the other end: what the server finds out by itself. */
export interface Peer {
  readonly kind: ListenerKind;
  readonly connection: Connection;
  /** In `exempt-networks`: rate and connection limits don't apply. */
  readonly exempt: boolean;
  /** The verified name of its address, once it is known (host-name.ts). */
  readonly name: () => string | undefined;
  /** Tells `status` who logged in. */
  readonly loggedIn: (login: Login) => void;
}

/** `unix` is local. */
export const addressOf = (peer: Peer): string =>
  peer.connection.remote === 'unix' ? 'unix' : peer.connection.remote.address;

/** What limits count by. */
export const countedAs = (peer: Peer): string => networkOf(addressOf(peer));

export const isSubmission = (peer: Peer): boolean => peer.kind !== 'smtp';

export type MtaSession = Session<Recipient, Login>;
export type MtaCommand = Command<Recipient, Login>;
export type MtaCommandTable = CommandTable<Recipient, Login>;
