/** Debian's Postfix and we exchange mail, both ways, over STARTTLS. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readMailbox, submit } from '#test/support/mail-client.ts';
import { loopbackAddress, PORT_BASE, startTestPeer, type TestPeer } from '#test/support/system.ts';
import { type Postfix, startPostfix } from './postfix.ts';
import { needsRoot, runProgram, until } from './programs.ts';

const skip = needsRoot('postfix', 'swaks');

describe('Postfix', { skip }, () => {
  let peer: TestPeer;
  let postfix: Postfix;
  const alice = () => ({ peer, address: 'alice@alpha.test' });

  before(async () => {
    const host = loopbackAddress();
    postfix = await startPostfix({ domain: 'gamma.test', users: ['greg'], relayhost: `[${host}]:${PORT_BASE + 25}` });
    peer = await startTestPeer({
      domain: 'alpha.test',
      host,
      users: ['alice'],
      delivery: ['retry = ["1s", "2s", "5s"]'],
      routes: { 'gamma.test': `smtp://${postfix.host}:${postfix.port}` },
    });
  });
  after(async () => {
    await peer?.close();
    await postfix?.close();
  });

  test('receives from us, over STARTTLS', async () => {
    await submit(alice(), { to: 'greg@gamma.test', subject: 'to Postfix', text: '.starts with a dot\n..two\nend' });
    const [message] = await until(async () => {
      const inbox = await postfix.inbox('greg');
      return inbox.length > 0 && inbox;
    }, 'the message in Postfix');
    assert.match(message ?? '', /\n\.starts with a dot\n\.\.two\nend/);
    await postfix.logged(/Anonymous TLS connection established from/);
  });

  test('sends to us, over STARTTLS, and the message arrives as Postfix sent it', async () => {
    const body = 'first\n.dot\n..dots\nlast';
    const sent = await runProgram('swaks', [
      '--server',
      `${postfix.host}:${postfix.port}`,
      '--from',
      'greg@gamma.test',
      '--to',
      'alice@alpha.test',
      '--header',
      'Subject: from Postfix',
      '--body',
      body,
    ]);
    assert.equal(sent.code, 0, sent.stdout);
    await postfix.logged(/TLS connection established to 127[\s\S]*status=sent \(250 2\./);
    const messages = await readMailbox(alice(), 1);
    const text = messages.find((m) => m.includes('from Postfix'))?.toString('latin1') ?? '';
    assert.match(text, /\r\nfirst\r\n\.dot\r\n\.\.dots\r\nlast/);
    assert.match(text, /^Return-Path: <greg@gamma\.test>\r\n/);
    assert.match(text, /Received: from [\s\S]*with ESMTPS id /);
  });

  test('an unknown recipient of ours is refused in the session, and Postfix reports it', async () => {
    await runProgram('swaks', [
      '--server',
      `${postfix.host}:${postfix.port}`,
      '--from',
      'greg@gamma.test',
      '--to',
      'nobody@alpha.test',
    ]);
    await postfix.logged(/status=bounced \(host [^)]*said: 550 5\.1\.1/);
  });

  test('delivers into our MDA by LMTP, with a reply for each recipient', async () => {
    const lmtp = `lmtp:[${peer.host}]:${peer.port(24)}`;
    const local = await startPostfix({
      domain: 'delta.test',
      users: ['dora'],
      relayhost: '',
      settings: [`transport_maps = inline:{ { alpha.test = ${lmtp} } }`, 'lmtp_host_lookup = native'],
    });
    try {
      const to = ['--to', 'alice@alpha.test,nobody@alpha.test', '--header', 'Subject: by LMTP'];
      await runProgram('swaks', ['--server', `${local.host}:${local.port}`, '--from', 'dora@delta.test', ...to]);
      await local.logged(/to=<alice@alpha\.test>[^\n]*status=sent \(250 2\./);
      await local.logged(/to=<nobody@alpha\.test>[^\n]*status=bounced [^\n]*550 5\.1\.1/);
      const messages = await readMailbox(alice(), 1);
      assert.ok(messages.some((m) => m.includes('Subject: by LMTP')));
    } finally {
      await local.close();
    }
  });
});
