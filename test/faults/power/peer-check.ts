/** A peer that was started on what a power cut left, held to what people were told before the cut. */
import assert from 'node:assert/strict';
import type { TestPeer } from '#test/support/system.ts';
import { fetchItems, ImapWire } from '#test/support/wire.ts';
import type { Ledger, Word } from '../kill/ledger.ts';

export type PeerWord =
  | Word
  /** What a mail client had seen of a mailbox; `known` says which message each new UID is. */
  | {
      readonly type: 'seen';
      readonly user: string;
      readonly numbers: { readonly validity: number; readonly next: number; readonly highest: number };
      readonly known: readonly (readonly [uid: number, id: string])[];
    };

/** Mailboxes of each user that hold mail of the run. */
const MAILBOXES: Readonly<Record<string, readonly string[]>> = {
  ann: ['INBOX'],
  ben: ['INBOX'],
  cat: ['INBOX'],
  dan: ['Drafts', 'Archive'],
};

interface Found {
  /** `id who`, of what is in mailboxes. */
  readonly copies: Set<string>;
  readonly failures: Set<string>;
}

/** The queue is empty by now. `far` has what the foreign peer got, before the cut and after it. Answers how many words were held to. */
export async function checkPeer(
  peer: TestPeer,
  ledger: Ledger,
  words: readonly PeerWord[],
  far: ReadonlySet<string>,
): Promise<number> {
  const found: Found = { copies: new Set(far), failures: new Set() };
  for (const [user, mailboxes] of Object.entries(MAILBOXES)) {
    const wire = await ImapWire.open(peer.host, peer.port(143), `${user}@${peer.domain}`, peer.password);
    for (const mailbox of mailboxes) {
      const uids = await readAll(wire, user, mailbox, ledger, found);
      if (mailbox === 'INBOX') await checkNumbers(wire, user, uids, words);
    }
    await wire.close();
  }
  for (const word of words) {
    if (word.type !== 'answered') continue;
    const name = `${word.id} ${word.who}`;
    if (ledger.get(word.id)?.to.get(word.who) === 'never') assert.ok(found.failures.has(name), `no report of ${name}`);
    else assert.ok(found.copies.has(name), `${name} was answered and is lost`);
  }
  for (const name of found.failures) assert.ok(!found.copies.has(name), `${name} was delivered and bounced`);
  return words.length;
}

async function readAll(
  wire: ImapWire,
  user: string,
  mailbox: string,
  ledger: Ledger,
  found: Found,
): Promise<ReadonlyMap<number, string>> {
  const uids = new Map<number, string>();
  await wire.must(`SELECT ${mailbox}`);
  for (const response of await wire.must('UID FETCH 1:* (UID BODY.PEEK[])')) {
    if (!/^\* \d+ FETCH/.test(response)) continue;
    const items = fetchItems(response);
    const source = items.get('BODY[]') ?? '';
    const report = source.includes('report-type=delivery-status');
    // The last one: a report has a subject of its own before that of the message.
    const id = [...source.matchAll(/^Subject: (p-\d+)\r$/gm)].at(-1)?.[1] ?? '';
    const sent = ledger.get(id);
    assert.ok(sent !== undefined, `nobody sent what ${user} has: ${source.slice(0, 300)}`);
    uids.set(Number(items.get('UID')), id);
    if (report) {
      for (const [, who] of source.matchAll(/^Final-Recipient: rfc822; *([^@\s]+)\S*\r\nAction: failed/gim))
        found.failures.add(`${id} ${who}`);
      continue;
    }
    assert.ok(source.endsWith(sent.content), `${id} for ${user} is damaged`);
    found.copies.add(`${id} ${user}`);
  }
  return uids;
}

async function checkNumbers(
  wire: ImapWire,
  user: string,
  uids: ReadonlyMap<number, string>,
  words: readonly PeerWord[],
): Promise<void> {
  const status = (await wire.must('STATUS INBOX (UIDNEXT UIDVALIDITY HIGHESTMODSEQ)')).join(' ');
  const number = (of: string): number => Number(new RegExp(`${of} (\\d+)`).exec(status)?.[1]);
  for (const word of words) {
    if (word.type !== 'seen' || word.user !== user) continue;
    assert.equal(number('UIDVALIDITY'), word.numbers.validity, `UIDVALIDITY of ${user}`);
    assert.ok(number('UIDNEXT') >= word.numbers.next, `UIDNEXT of ${user} was ${word.numbers.next}: ${status}`);
    assert.ok(number('HIGHESTMODSEQ') >= word.numbers.highest, `HIGHESTMODSEQ was ${word.numbers.highest}: ${status}`);
    for (const [uid, id] of word.known) assert.equal(uids.get(uid), id, `UID ${uid} of ${user}`);
  }
}
