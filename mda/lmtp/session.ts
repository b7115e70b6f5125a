/** What an LMTP session (RFC 2033) is to the shared engine, and what its commands may use. The commands themselves: `commands.ts`. */
import type { Log } from '#runtime/ambient.ts';
import type { Command } from '#runtime/smtp/command-table.ts';
import type { ContentSink } from '#runtime/smtp/receiver-content.ts';
import type { Session } from '#runtime/smtp/session.ts';
import type { Directory } from '#store/directory.ts';
import type { DeliveryOrder } from '../deliver/deliver.ts';
import type { Recipient } from '../deliver/recipient.ts';

/** LMTP has no logins: who may connect is decided by the socket's permissions. */
export type LmtpSession = Session<Recipient, undefined>;
export type LmtpCommand = Command<Recipient, undefined>;

export interface LmtpRooms {
  readonly hostname: string;
  readonly directory: Directory;
  readonly deliver: (order: DeliveryOrder) => ContentSink;
  readonly log: Log;
  readonly limits: { readonly messageSize: number; readonly recipients: number };
}
