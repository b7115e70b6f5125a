/** What goes into the SMTP/LMTP client and what comes out: plain data, so that delivery can be tested without sockets. */
import type { BodyType, ForwardPath, ReversePath } from '#mail/envelope.ts';
import type { Reply } from '#mail/smtp/reply.ts';

/** Where in the conversation something happened. `content` is before the last octet of content has left, `final` afterwards: then the peer may have taken the message. */
export type Stage = 'connect' | 'greeting' | 'hello' | 'starttls' | 'auth' | 'mail' | 'rcpt' | 'content' | 'final';

export interface OutgoingMessage {
  readonly reversePath: ReversePath;
  readonly recipients: readonly ForwardPath[];
  readonly bodyType: BodyType;
  readonly smtputf8: boolean;
  readonly envelopeId?: string;
  readonly ret?: 'full' | 'hdrs';
  /** Octets of the content; exact. */
  readonly size: number;
  /** In memory, or chunks as they are asked for. Line ends are CRLF. */
  readonly content: Uint8Array | (() => AsyncIterable<Uint8Array>);
  /** Further parameters of MAIL as they stand on the wire: `XDELIVERYID=…`. */
  readonly mailParameters?: readonly string[];
}

/** Whose size nobody knows before its end, as when it is still coming in. */
export type StreamedMessage = Omit<OutgoingMessage, 'size'> & { readonly size?: number };

/** `lost`: the connection ended, stalled or spoke nonsense before there was an answer. */
export type RecipientResult =
  | { readonly kind: 'reply'; readonly stage: Stage; readonly reply: Reply }
  | { readonly kind: 'lost'; readonly stage: Stage; readonly error: Error };

export interface TransactionResult {
  /** One for each recipient, in order. */
  readonly recipients: readonly RecipientResult[];
  /** The peer announced DSN (RFC 3461), so that reports of success and delay are its business now. */
  readonly dsnPassedOn: boolean;
}

/** Milliseconds. */
export interface ClientTimeouts {
  readonly connect: number;
  readonly greeting: number;
  /** EHLO, LHLO, HELO, STARTTLS, RSET. */
  readonly command: number;
  readonly tls: number;
  readonly mail: number;
  readonly rcpt: number;
  readonly data: number;
  readonly block: number;
  readonly final: number;
  readonly quit: number;
}

// RFC 5321 §4.5.3.2 names the least values; it has none for connecting and QUIT, where long waits only hold the queue up.
export const CLIENT_TIMEOUTS: ClientTimeouts = {
  connect: 30_000,
  greeting: 300_000,
  command: 300_000,
  tls: 60_000,
  mail: 300_000,
  rcpt: 300_000,
  data: 120_000,
  block: 180_000,
  final: 600_000,
  quit: 5_000,
};

/** The conversation could not begin, or a step of its beginning was refused; `reply` is what the peer said, if it said anything. */
export class ClientError extends Error {
  readonly stage: Stage;
  readonly reply: Reply | undefined;
  constructor(stage: Stage, reply: Reply | undefined, options?: ErrorOptions) {
    super(reply === undefined ? `connection failed at ${stage}` : `refused at ${stage}: ${reply.code}`, options);
    this.name = 'ClientError';
    this.stage = stage;
    this.reply = reply;
  }
}
