/** Trace fields (RFC 5321 §4.4): Received by the MTA; Return-Path and Delivered-To (RFC 9228) by the MDA. Each ends with CRLF. */
import { formatAddress } from '../address.ts';
import type { Address, ReversePath } from '../envelope.ts';
import type { DateTime } from '../mime/message-index.ts';
import { formatDate } from './date.ts';

export interface ReceivedTrace {
  /** What the client said in EHLO or HELO. */
  readonly helo: string;
  /** The client's address as known to us; `name` is its verified host name. `unix` for local sockets. */
  readonly remote: { readonly address: string; readonly name?: string } | 'unix';
  readonly by: string;
  /** RFC 3848 with RFC 6531 §4.3: `ESMTPS`, `UTF8SMTPSA`, `LMTP`, … */
  readonly with: string;
  readonly id: string;
  /** `TLSv1.3 TLS_AES_256_GCM_SHA384`, as a comment. */
  readonly tls?: string;
  /** Only with a single recipient: more would tell one of the other (RFC 5321 §7.6). */
  readonly for?: Address;
  readonly at: DateTime;
}

/** RFC 5321 §4.4; the sender's word in EHLO never breaks out of its place. */
export function formatReceived(trace: ReceivedTrace): string {
  const lines = [
    `Received: from ${wordOrUnknown(trace.helo)}${tcpInfo(trace.remote)}`,
    `\tby ${trace.by} with ${trace.with} id ${trace.id}`,
  ];
  if (trace.tls !== undefined) lines.push(`\t(${commentText(trace.tls)})`);
  if (trace.for !== undefined) lines.push(`\tfor <${safeAddress(trace.for)}>`);
  return `${lines.join('\r\n')};\r\n\t${formatDate(trace.at)}\r\n`;
}

function tcpInfo(remote: ReceivedTrace['remote']): string {
  if (remote === 'unix') return ' (local socket)';
  const literal = remote.address.includes(':') ? `[IPv6:${remote.address}]` : `[${remote.address}]`;
  return remote.name === undefined ? ` (${literal})` : ` (${wordOrUnknown(remote.name)} ${literal})`;
}

/** A domain or an address literal; anything else could forge a trace. */
const wordOrUnknown = (word: string): string => (ASCII_WORD.test(word) || WORD.test(word) ? word : 'unknown');
const WORD = /^[\p{L}\p{N}\p{M}._:[\]-]{1,255}$/u;
/** Most of them, and found sooner. */
const ASCII_WORD = /^[A-Za-z0-9._:[\]-]{1,255}$/;

const commentText = (text: string): string => text.replace(/[^\x20-\x7e]|[()\\]/g, '');

/** Paths were checked when they came in; a line break here would forge a field, so it is checked again. */
const CONTROL = /[\x00-\x1f\x7f]/g;

const safeAddress = (address: Address): string => formatAddress(address).replace(CONTROL, '');

export const formatReturnPath = (path: ReversePath): string =>
  `Return-Path: <${path === null ? '' : safeAddress(path)}>\r\n`;

export const formatDeliveredTo = (address: Address): string => `Delivered-To: ${safeAddress(address)}\r\n`;
