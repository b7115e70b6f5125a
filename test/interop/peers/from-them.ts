/** Mail that the foreign server sends to our peer. */
import assert from 'node:assert/strict';
import { AWAY, DOWN } from './foreign-peer.ts';
import { assertSame, eightBit, international, large, odd, plain } from './letters.ts';
import { action, conversationFor, NULL_SENDER, pipelined, recipient, reported, type Trial } from './trial.ts';
import { BUSY, here, there, type Way, type World } from './world.ts';

const hundred = Array.from({ length: 100 }, (_, i) => `in-${i}`);
const unicode = 'jürgen';
const theirUnicode = 'øystein';

/**
 * A sender whom their report finds: at ours, over SMTP from the null sender; where they let nobody send but their own, in their mailbox,
 * into which they put it as they like.
 */
function teller(
  world: World,
  local: string,
): { readonly from: string; readonly report: (...patterns: readonly RegExp[]) => Promise<string> } {
  if (world.kind.ownSendersOnly === true)
    return { from: there(local), report: (...patterns) => reported(world, { there: local }, ...patterns) };
  const from = here(local);
  return { from, report: (...patterns) => reported(world, { here: from }, NULL_SENDER, ...patterns) };
}

/** Not every server names the action; a notice of delay does. OpenSMTPD calls expiry delayed too, but has its status (RFC 3463 §3.5). */
const isFinal = {
  test: (text: string): boolean =>
    action('failed').test(text) || !/^action:/im.test(text) || /^status: [45]\.4\.7/im.test(text),
};

/** One message from their sender to one mailbox of ours, whole. */
async function send(
  world: World,
  name: string,
  way: Way,
  content: Buffer,
  more: { mail?: string; from?: string; local?: string } = {},
): Promise<string> {
  const { local = name, from = there('sender'), ...envelope } = more;
  await world.inject({ from, to: [here(local, way)], ...envelope }, content);
  const messages = await world.nudging(world.arrivedHere(here(local, way)));
  assert.equal(
    messages.length,
    1,
    `it arrived once:\n${messages.map((m) => m.toString('utf8', 0, 900)).join('\n--\n')}`,
  );
  const [message] = messages as [Buffer];
  assertSame(message, content, name);
  const top = message.toString('utf8', 0, 2000);
  assert.ok(top.startsWith(`Return-Path: <${from}>\r\n`), top);
  return top;
}

export const fromThem: readonly Trial[] = [
  {
    name: 'to us: plain',
    ours: [here('plain', 'plain')],
    async run(world) {
      const top = await send(world, 'plain', 'plain', plain('plain'));
      assert.match(top, /\r\nReceived: from [\s\S]*? with ESMTP id /);
      assert.doesNotMatch(conversationFor(world.tap('plain', 'us'), 'plain'), /STARTTLS/i);
    },
  },
  {
    name: 'to us: STARTTLS',
    ours: [here('tls')],
    async run(world) {
      const top = await send(world, 'tls', 'tls', plain('tls'));
      assert.match(top, /\r\nReceived: from [\s\S]*? with ESMTPS id /);
    },
  },
  {
    name: 'to us: pipelined',
    ours: [here('pipelined', 'data')],
    async run(world) {
      await send(world, 'pipelined', 'data', plain('pipelined'));
      const conversation = conversationFor(world.tap('data', 'us'), 'pipelined');
      assert.ok(pipelined(conversation), conversation);
    },
  },
  {
    name: 'to us: BDAT',
    ours: [here('bdat', 'plain')],
    async run(world) {
      await send(world, 'bdat', 'plain', plain('bdat'));
      assert.match(conversationFor(world.tap('plain', 'us'), 'bdat'), /BDAT \d+/);
    },
  },
  {
    // Whether its client says BODY=8BITMIME is its own affair (Exim doesn't).
    name: 'to us: 8-bit',
    ours: [here('eight', 'plain')],
    async run(world) {
      await send(world, 'eight', 'plain', eightBit('eight'), { mail: 'BODY=8BITMIME' });
    },
  },
  {
    name: 'to us: SMTPUTF8',
    theirs: [theirUnicode],
    ours: [here(unicode, 'plain')],
    needs: 'SMTPUTF8',
    async run(world) {
      const mail = 'BODY=8BITMIME SMTPUTF8';
      // Both addresses: Haraka says SMTPUTF8 only for the sender's sake.
      const more = { mail, from: there(theirUnicode), local: unicode };
      const top = await send(world, 'utf8', 'plain', international('utf8'), more);
      assert.match(top, /\r\nReceived: from [\s\S]*? with UTF8SMTP id /);
    },
  },
  {
    name: 'to us: SMTPUTF8, which we seem to lack: they bounce',
    theirs: ['utf8-in'],
    ours: [here('utf8-in')],
    needs: 'SMTPUTF8',
    async run(world) {
      const mail = 'BODY=8BITMIME SMTPUTF8';
      const { from, report } = teller(world, 'utf8-in');
      await world.inject({ from, to: [here(unicode, 'ascii')], mail }, international('utf8-in'));
      await report();
    },
  },
  {
    name: 'to us: 20 MB',
    ours: [here('large')],
    async run(world) {
      await send(world, 'large', 'tls', large('large'));
    },
  },
  {
    name: 'to us: 100 recipients',
    ours: hundred.map((local) => here(local)),
    async run(world) {
      const content = plain('hundred');
      await world.inject({ from: there('sender'), to: hundred.map((local) => here(local)) }, content);
      for (const local of hundred) {
        const arrived = await world.arrivedHere(here(local));
        assert.equal(arrived.length, 1);
        assertSame(arrived[0] as Buffer, content, 'hundred');
      }
    },
  },
  {
    name: 'to us: every odd byte',
    ours: [here('odd', 'data')],
    async run(world) {
      await send(world, 'odd', 'data', odd('odd'));
    },
  },
  {
    name: 'to us: every odd byte, by BDAT',
    ours: [here('odd-bdat', 'plain')],
    async run(world) {
      await send(world, 'odd-bdat', 'plain', odd('odd-bdat'));
      assert.match(conversationFor(world.tap('plain', 'us'), 'odd-bdat'), /BDAT \d+/);
    },
  },
  {
    name: 'to us: an unknown recipient, and their bounce from the null sender',
    theirs: ['unknown-in'],
    ours: [here('known', 'plain'), here('unknown-in')],
    async run(world) {
      const content = plain('unknown');
      const { from, report } = teller(world, 'unknown-in');
      await world.inject({ from, to: [here('known', 'plain'), here('nobody', 'plain')] }, content);
      assertSame((await world.arrivedHere(here('known', 'plain')))[0] as Buffer, content, 'unknown');
      const text = await report(recipient(here('nobody', 'plain')));
      assert.doesNotMatch(text, recipient(here('known', 'plain')));
      const flows = world.tap('plain', 'us').conversations.flat();
      assert.ok(flows.some(({ bytes }) => bytes.includes(`550 5.1.1 No such user here: ${here('nobody', 'plain')}`)));
    },
  },
  {
    name: 'to us: a temporary failure, then success',
    waits: true,
    ours: [here('busy', 'busy')],
    async run(world) {
      await send(world, 'busy', 'busy', plain('busy'));
      assert.equal(world.tap('busy', 'us').refused, world.kind.busy ?? BUSY);
    },
  },
  {
    name: 'to us: their notice of delay',
    ours: [here('delayed')],
    async run(world) {
      await world.inject({ from: here('delayed'), to: [`slowly@${AWAY}`] }, plain('delayed'));
      const text = await reported(world, { here: here('delayed') }, action('delayed'), recipient(`slowly@${AWAY}`));
      assert.match(text, NULL_SENDER);
    },
  },
  {
    name: 'to us: their notice of expiry',
    waits: true,
    ours: [here('expired')],
    async run(world) {
      await world.inject({ from: here('expired'), to: [`never@${DOWN}`] }, plain('expired'));
      const text = await reported(world, { here: here('expired') }, recipient(`never@${DOWN}`), isFinal);
      assert.match(text, NULL_SENDER);
    },
  },
  {
    name: 'to us: DSN parameters passed on, and our report',
    theirs: ['dsn-in'],
    ours: [here('dsn', 'plain')],
    needs: 'DSN',
    async run(world) {
      const content = plain('dsn');
      const rcpt = 'NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first+2Bchoice@example.test';
      const mail = 'RET=HDRS ENVID=trial+3D3';
      await world.inject({ from: there('dsn-in'), to: [here('dsn', 'plain')], mail, rcpt }, content);
      assertSame((await world.arrivedHere(here('dsn', 'plain')))[0] as Buffer, content, 'dsn');
      const conversation = conversationFor(world.tap('plain', 'us'), 'dsn');
      assert.match(conversation, /MAIL FROM:[^\r\n]* ENVID=trial\+3D3/);
      assert.match(conversation, /RCPT TO:[^\r\n]* NOTIFY=(SUCCESS,FAILURE|FAILURE,SUCCESS)/);
      const text = await reported(world, { there: 'dsn-in' }, action('delivered'));
      assert.match(text, /^original-envelope-id: trial=3\s*$/im);
      assert.match(text, recipient('first\\+choice@example.test'));
    },
  },
];
