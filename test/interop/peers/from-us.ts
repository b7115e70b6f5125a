/** Mail that our peer sends to the foreign server. */
import assert from 'node:assert/strict';
import { DOWN } from './foreign-peer.ts';
import { assertSame, eightBit, international, large, odd, plain } from './letters.ts';
import {
  action,
  conversationFor,
  NULL_SENDER,
  pipelined,
  recipient,
  reportAmong,
  reported,
  type Trial,
  WHOLE_REPORT,
  withRecipient,
} from './trial.ts';
import { BUSY, here, there, type Way, type World } from './world.ts';

const hundred = Array.from({ length: 100 }, (_, i) => `out-${i}`);
const unicode = 'zoë';

/** One message from our sender to one mailbox of theirs, whole. */
async function send(
  world: World,
  name: string,
  way: Way,
  content: Buffer,
  more: { mail?: string; bdat?: boolean; arrives?: Buffer; local?: string } = {},
): Promise<void> {
  const local = more.local ?? name;
  const { arrives = content, local: _, ...envelope } = more;
  await world.submit({ from: here('sender'), to: [there(local, way)], ...envelope }, content);
  const [message, ...others] = await world.arrivedThere(local, name);
  assertSame(message as Buffer, arrives, name);
  assert.equal(others.length, 0, 'it arrived once');
}

/** The report that a recipient is refused for good, whoever wrote it. */
async function refusal(world: World, sender: string, refused: string): Promise<string> {
  const text = await reported(world, { here: sender }, action('failed'), /^status: 5\.\d+\.\d+/im, recipient(refused));
  assert.match(text, NULL_SENDER);
  return text;
}

const noFinalLineEnd = (content: Buffer): Buffer => Buffer.concat([content, Buffer.from('\r\n')]);

export const fromUs: readonly Trial[] = [
  {
    name: 'to them: plain',
    theirs: ['plain'],
    async run(world) {
      await send(world, 'plain', 'plain', plain('plain'));
      assert.doesNotMatch(conversationFor(world.tap('plain', 'them'), 'plain'), /STARTTLS/i);
    },
  },
  {
    name: 'to them: STARTTLS',
    theirs: ['tls'],
    async run(world) {
      await send(world, 'tls', 'tls', plain('tls'));
      const conversations = world.tap('tls', 'them').conversations.filter((flows) => flows.length > 5);
      assert.ok(conversations.length > 0);
      for (const flows of conversations) {
        const at = flows.findIndex(({ bytes }) => /^STARTTLS\r\n/i.test(bytes.toString('latin1')));
        assert.ok(
          at >= 0,
          `STARTTLS is used wherever it is offered: ${JSON.stringify(flows.map((f) => f.bytes.toString('latin1').slice(0, 300)))}`,
        );
        assert.equal(flows[at + 2]?.bytes[0], 0x16, 'then a handshake follows');
      }
    },
  },
  {
    name: 'to them: pipelined',
    theirs: ['pipelined'],
    needs: 'PIPELINING',
    async run(world) {
      await send(world, 'pipelined', 'data', plain('pipelined'));
      const conversation = conversationFor(world.tap('data', 'them'), 'pipelined');
      assert.ok(pipelined(conversation), conversation);
      assert.match(conversation, /DATA\r\n/);
    },
  },
  {
    name: 'to them: in lockstep, by DATA',
    theirs: ['lockstep'],
    async run(world) {
      await send(world, 'lockstep', 'lockstep', plain('lockstep'));
      assert.match(
        conversationFor(world.tap('lockstep', 'them'), 'lockstep'),
        /§MAIL FROM:[^§]*\r\n§RCPT TO:[^§]*\r\n§DATA\r\n§/,
      );
    },
  },
  {
    name: 'to them: BDAT',
    theirs: ['bdat'],
    needs: 'CHUNKING',
    async run(world) {
      await send(world, 'bdat', 'plain', plain('bdat'));
      assert.match(conversationFor(world.tap('plain', 'them'), 'bdat'), /BDAT \d+ LAST\r\nX-Trial: bdat|BDAT \d+ LAST/);
    },
  },
  {
    name: 'to them: 8-bit',
    theirs: ['eight'],
    needs: '8BITMIME',
    async run(world) {
      await send(world, 'eight', 'plain', eightBit('eight'), { mail: 'BODY=8BITMIME' });
      assert.match(conversationFor(world.tap('plain', 'them'), 'eight'), /BODY=8BITMIME/);
    },
  },
  {
    name: 'to them: SMTPUTF8',
    theirs: [unicode],
    needs: 'SMTPUTF8',
    async run(world) {
      await send(world, 'utf8', 'plain', international('utf8'), { mail: 'BODY=8BITMIME SMTPUTF8', local: unicode });
      assert.match(conversationFor(world.tap('plain', 'them'), unicode), /MAIL FROM:[^\r\n]* SMTPUTF8/);
    },
  },
  {
    name: 'to them: SMTPUTF8, which they lack: we bounce',
    ours: [here('utf8-sender')],
    async run(world) {
      const mail = 'BODY=8BITMIME SMTPUTF8';
      await world.submit(
        { from: here('utf8-sender'), to: [there('ascii', 'ascii')], mail },
        international('utf8-ascii'),
      );
      const text = await reported(
        world,
        { here: here('utf8-sender') },
        WHOLE_REPORT,
        action('failed'),
        /^status: 5\.6\.7/im,
      );
      assert.match(text, NULL_SENDER);
      assert.match(text, recipient(there('ascii', 'ascii')));
      assert.equal(withRecipient(world.tap('ascii', 'them'), 'ascii').length, 0, 'nothing was tried');
    },
  },
  {
    name: 'to them: 20 MB',
    theirs: ['large'],
    run: (world) => send(world, 'large', 'tls', large('large')),
  },
  {
    name: 'to them: 100 recipients',
    theirs: hundred,
    async run(world) {
      const content = plain('hundred');
      await world.submit({ from: here('sender'), to: hundred.map((local) => there(local)) }, content);
      for (const local of hundred) {
        const arrived = await world.arrivedThere(local, 'hundred');
        assert.equal(arrived.length, 1);
        assertSame(arrived[0] as Buffer, content, 'hundred');
      }
    },
  },
  {
    name: 'to them: every odd byte, by DATA',
    theirs: ['odd-data'],
    run: (world) => send(world, 'odd-data', 'data', odd('odd-data')),
  },
  {
    name: 'to them: every odd byte, by BDAT',
    theirs: ['odd-bdat'],
    needs: 'CHUNKING',
    run: (world) => send(world, 'odd-bdat', 'plain', odd('odd-bdat'), { bdat: true }),
  },
  {
    // RFC 3030 §2: what BDAT carries need not end with a line end; DATA can't but add one, and so do mailboxes of lines.
    name: 'to them: no line end at the end',
    theirs: ['no-end', 'no-end-data'],
    async run(world) {
      for (const [name, way] of [
        ['no-end', 'plain'],
        ['no-end-data', 'data'],
      ] as const) {
        const content = odd(name, '');
        await send(world, name, way, content, { bdat: true, arrives: noFinalLineEnd(content) });
      }
    },
  },
  {
    name: 'to them: our bounce, from the null sender',
    theirs: ['bounced'],
    async run(world) {
      await world.inject({ from: there('bounced'), to: [here('to-nobody')] }, plain('bounce'));
      const text = await reported(
        world,
        { there: 'bounced' },
        WHOLE_REPORT,
        action('failed'),
        /^status: 5\.\d+\.\d+/im,
      );
      assert.match(text, recipient(there('nobody')));
      assert.match(text, recipient(here('to-nobody')), 'whom the sender addressed is told too (RFC 3461 §5.2.7.1)');
    },
  },
  {
    name: 'to them: an unknown recipient',
    ours: [here('stranger')],
    async run(world) {
      await world.submit({ from: here('stranger'), to: [there('nobody', 'plain')] }, plain('stranger'));
      const text = await refusal(world, here('stranger'), there('nobody', 'plain'));
      assert.match(text, WHOLE_REPORT);
      assert.match(text, /^diagnostic-code: smtp; 5\d\d /im, 'what they said is in it');
    },
  },
  {
    // Who takes the unknown one too (RFC 5321 §3.3 lets it) reports by itself, from the null sender.
    name: 'to them: an unknown recipient among others',
    theirs: ['known'],
    ours: [here('unknown-sender')],
    async run(world) {
      const to = [there('known', 'plain'), there('anybody', 'plain')];
      const content = plain('unknown');
      await world.submit({ from: here('unknown-sender'), to }, content);
      assertSame((await world.arrivedThere('known', 'unknown'))[0] as Buffer, content, 'unknown');
      const text = await refusal(world, here('unknown-sender'), there('anybody', 'plain'));
      assert.doesNotMatch(text, recipient(there('known', 'plain')));
      const [reporter] = /^reporting-mta:.*$/im.exec(text) ?? [];
      assert.match(reporter ?? '', world.kind.refusesLate === true ? /gamma\.test/ : /alpha\.test/);
      if (world.kind.refusesLate !== true) assert.match(text, WHOLE_REPORT);
    },
  },
  {
    name: 'to them: a temporary failure, then success',
    theirs: ['busy'],
    async run(world) {
      await send(world, 'busy', 'busy', plain('busy'));
      assert.equal(world.tap('busy', 'them').refused, BUSY);
    },
  },
  {
    name: 'to them: our notice of delay, and of expiry',
    waits: true,
    theirs: ['waiting'],
    async run(world) {
      await world.inject({ from: there('waiting'), to: [here('to-down')] }, plain('waiting'));
      const told = { there: 'waiting' };
      const delay = await reported(world, told, WHOLE_REPORT, action('delayed'), recipient(`somebody@${DOWN}`));
      assert.match(delay, /^will-retry-until: /im);
      await reported(world, told, WHOLE_REPORT, action('failed'), /^status: 4\.4\.7/im, recipient(`somebody@${DOWN}`));
      const reports = await world.theirs.mailbox('waiting');
      assert.equal(reports.filter((r) => reportAmong([r], action('delayed')) !== undefined).length, 1, 'told once');
    },
  },
  {
    name: 'to them: DSN parameters passed on, and their report',
    theirs: ['dsn-out'],
    ours: [here('dsn-sender')],
    needs: 'DSN',
    async run(world) {
      const content = plain('dsn-out');
      const rcpt = 'NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first+2Bchoice@example.test';
      const mail = 'RET=HDRS ENVID=trial+3D1';
      await world.submit({ from: here('dsn-sender'), to: [there('dsn-out', 'plain')], mail, rcpt }, content);
      assertSame((await world.arrivedThere('dsn-out', 'dsn-out'))[0] as Buffer, content, 'dsn-out');
      const conversation = conversationFor(world.tap('plain', 'them'), 'dsn-out');
      assert.match(conversation, /MAIL FROM:[^\r\n]* RET=HDRS ENVID=trial\+3D1/);
      assert.match(conversation, /RCPT TO:[^\r\n]* NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first\+2Bchoice@example\.test/i);
      // What of ENVID and ORCPT they put into it is theirs: Exim leaves the xtext, OpenSMTPD puts in nothing.
      const text = await reported(world, { here: here('dsn-sender') }, action('delivered'));
      assert.match(text, NULL_SENDER);
    },
  },
  {
    name: 'to them: DSN, which they lack: we report',
    theirs: ['nodsn'],
    ours: [here('nodsn-sender')],
    async run(world) {
      const content = plain('nodsn');
      const rcpt = 'NOTIFY=SUCCESS ORCPT=rfc822;first+2Bchoice@example.test';
      await world.submit(
        { from: here('nodsn-sender'), to: [there('nodsn', 'nodsn')], mail: 'ENVID=trial2', rcpt },
        content,
      );
      assertSame((await world.arrivedThere('nodsn', 'nodsn'))[0] as Buffer, content, 'nodsn');
      assert.doesNotMatch(conversationFor(world.tap('nodsn', 'them'), 'nodsn'), /NOTIFY|ENVID|ORCPT/);
      const text = await reported(world, { here: here('nodsn-sender') }, WHOLE_REPORT, action('relayed'));
      assert.match(text, /^original-envelope-id: trial2\s*$/im);
      assert.match(text, recipient('first\\+choice@example.test'));
    },
  },
];
