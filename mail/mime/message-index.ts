/**
 * What the indexer (`indexer.ts`) knows of a message after its one pass over the bytes. It is stored beside the message
 * and answers FETCH, SEARCH and listings without another parse. Offsets are octets from the start of the *body*: the
 * bytes as they were accepted, before the MDA's prefix (Return-Path, Delivered-To). A reader that serves prefix + body adds the
 * prefix's length to every offset except the start of the root's header, which becomes 0.
 */
export interface MessageIndex {
  /** Octets of the body. */
  readonly size: number;
  /** Finished IMAP data, ready to be copied out: RFC 9051 §7.5.2, parentheses included. Octets are as on the wire; a string with 8-bit octets is a literal. */
  readonly envelope: Uint8Array;
  /** Non-extensible BODY and extensible BODYSTRUCTURE, likewise finished. */
  readonly body: Uint8Array;
  readonly bodystructure: Uint8Array;
  /** The root part; see `PartNode`. Packed for storage by `packParts`/`unpackParts`. */
  readonly root: PartNode;
  /** Decoded (RFC 2047, 2231) values for listings, threads, sorting and search. */
  readonly headers: IndexedHeaders;
  /** At most 256 characters of the first text part, decoded, white space folded (RFC 8970 §1). Best effort: never throws. */
  readonly preview: string;
  /** What a protocol of lines makes of it (RFC 1939 §3). */
  readonly sending: LineFacts;
  /** What was wrong or cut off by a limit; the message is kept and served all the same. */
  readonly defects: readonly string[];
}

export interface LineFacts {
  /** Octets that it is longer as lines: a CR for each bare LF, and the end of a last line that has none. */
  readonly growth: number;
  /** A line begins with a dot. */
  readonly dots: boolean;
}

/** RFC 2045 Content-Transfer-Encoding, lower case; anything unknown is kept as written, lower case. */
export interface PartNode {
  /** Where the part's header starts, where its body starts (after the empty line), and where its body ends. */
  readonly headerStart: number;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  /** Lower case `type/subtype`. */
  readonly type: string;
  readonly charset?: string;
  readonly encoding: string;
  /** Content-Disposition's type (lower case) and file name, decoded, where given. */
  readonly disposition?: string;
  readonly filename?: string;
  /** Lines of the body (RFC 9051 §7.5.2 body-fld-lines). */
  readonly lines: number;
  /** Children of a multipart; the one embedded message's root of a message/rfc822 (or global); empty for leaves. */
  readonly children: readonly PartNode[];
}

export interface IndexedHeaders {
  readonly subject: string;
  readonly from: readonly IndexedAddress[];
  readonly sender: readonly IndexedAddress[];
  readonly replyTo: readonly IndexedAddress[];
  readonly to: readonly IndexedAddress[];
  readonly cc: readonly IndexedAddress[];
  readonly bcc: readonly IndexedAddress[];
  /** Without angle brackets. */
  readonly messageId?: string;
  readonly inReplyTo: readonly string[];
  readonly references: readonly string[];
  /** The Date field; absent when it is missing or can't be read. */
  readonly date?: DateTime;
}

export interface IndexedAddress {
  readonly name: string;
  /** `local@domain` as written; empty for the name of a group. */
  readonly address: string;
}

/** A moment with the zone that it was written in (RFC 5322 §3.3; RFC 9051 INTERNALDATE). */
export interface DateTime {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly time: number;
  /** Minutes east of UTC. */
  readonly zone: number;
}
