/** A row of the table of trials, and what several of them look at. */
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { until } from '../programs.ts';
import type { ForeignKind, TrialName } from './foreign-peer.ts';
import type { Conversation, Tap } from './tap.ts';
import type { World } from './world.ts';

export interface Trial {
  readonly name: TrialName;
  /** Local parts of theirs that it needs mailboxes for. */
  readonly theirs?: readonly string[];
  /** Addresses of ours that it needs accounts for. */
  readonly ours?: readonly string[];
  /** It makes sense only with a server that offers this in EHLO. */
  readonly needs?: ForeignKind['offers'][number];
  /** It does nothing for long, so it begins first. */
  readonly waits?: true;
  run(world: World): Promise<void>;
}

/** What a client said on a connection, as a binary string, each reply of the server replaced by `§`. */
export const said = (conversation: Conversation): string =>
  conversation.map(({ from, bytes }) => (from === 'client' ? bytes.toString('latin1') : '§')).join('');

/** The conversations in which somebody was named as a recipient. */
export function withRecipient(tap: Tap, local: string): string[] {
  const named = `RCPT TO:<${Buffer.from(local).toString('latin1')}@`;
  return tap.conversations.map(said).filter((text) => text.toUpperCase().includes(named.toUpperCase()));
}

export function conversationFor(tap: Tap, local: string): string {
  const [found] = withRecipient(tap, local);
  assert.ok(found !== undefined, `nobody named ${local} on this way`);
  return found;
}

/** RFC 2920: MAIL and a RCPT left in one flight, without a word from the server between. */
export const pipelined = (conversation: string): boolean =>
  /MAIL FROM:[^\r\n§]*\r\nRCPT TO:[^\r\n§]*\r\n/i.test(conversation);

interface Pattern {
  test(text: string): boolean;
}

/** A report (RFC 3464) among messages: the first that has all of this. Not every server calls the whole multipart/report; ours must. */
export function reportAmong(messages: readonly Buffer[], ...patterns: readonly Pattern[]): string | undefined {
  return messages
    .map((message) => message.toString('latin1'))
    .find(
      (text) =>
        /^content-type:\s*message\/(global-)?delivery-status/im.test(text) && patterns.every((p) => p.test(text)),
    );
}

/** Waits until a report with all of this stands in a mailbox of ours or of theirs. */
export function reported(
  world: World,
  where: { readonly here: string } | { readonly there: string },
  ...patterns: readonly Pattern[]
): Promise<string> {
  const read = async (): Promise<readonly Buffer[]> => {
    if ('there' in where) return await world.theirs.mailbox(where.there);
    // Each look is a login.
    await setTimeout(400);
    return await world.arrivedHere(where.here, 0);
  };
  return world.nudging(
    until(
      async () => reportAmong(await read(), ...patterns),
      `a report with ${patterns.map(String).join(' ')} for ${JSON.stringify(where)}`,
      async () => `${(await read()).join('\n-----\n')}\n${world.peer.log()}\n${await world.theirs.log()}`,
    ),
  );
}

/** RFC 6522 §3. */
export const WHOLE_REPORT = /^content-type: multipart\/report; report-type=delivery-status;/im;

/** RFC 3464 §2.3.2 and §2.3.3, in any case and spacing. */
export const recipient = (address: string): RegExp =>
  new RegExp(`^(final|original)-recipient:\\s*(rfc822|utf-8)\\s*;\\s*<?${address.replaceAll('.', '\\.')}>?\\s*$`, 'im');
export const action = (word: 'failed' | 'delayed' | 'delivered' | 'relayed'): RegExp =>
  new RegExp(`^action:\\s*${word}\\b`, 'im');
/** RFC 5321 §4.5.5. */
export const NULL_SENDER = /^return-path:\s*<>/im;
