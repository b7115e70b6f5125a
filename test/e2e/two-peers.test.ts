/** Two whole peers as processes: what a person sees of them, through programs that are not ours. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Internet, startInternet } from '#test/support/internet.ts';
import { readMailbox, submit, withImap } from '#test/support/mail-client.ts';

describe('two peers', () => {
  let internet: Internet;
  const person = (name: string, domain: string) => ({ peer: internet.peer(domain), address: `${name}@${domain}` });

  before(async () => {
    internet = await startInternet({ domains: { 'alpha.test': ['alice', 'carol'], 'beta.test': ['bob'] } });
  });
  after(() => internet.close());

  test('a message goes from one peer to the other, and the answer comes back', async () => {
    const alice = person('alice', 'alpha.test');
    const bob = person('bob', 'beta.test');
    await submit(alice, { to: bob.address, subject: 'from alice', text: 'hello bob' });
    const [received] = await readMailbox(bob, 1);
    const text = received?.toString('latin1') ?? '';
    assert.match(text, /^Return-Path: <alice@alpha\.test>\r\nDelivered-To: bob@beta\.test\r\n/);
    assert.equal(text.match(/^Received: /gm)?.length, 2, 'one Received field a peer');
    assert.match(text, /hello bob/);
    await submit(bob, { to: alice.address, subject: 'Re: from alice', text: 'hello alice' });
    const [answer] = await readMailbox(alice, 1);
    assert.match(answer?.toString('latin1') ?? '', /hello alice/);
  });

  test('a message to a colleague is in the mailbox when the submission is answered', async () => {
    const carol = person('carol', 'alpha.test');
    await submit(person('alice', 'alpha.test'), { to: carol.address, subject: 'local' });
    const count = await withImap(
      carol,
      async (client) => (await client.status('INBOX', { messages: true })) as { messages: number },
    );
    assert.equal(count.messages, 1);
  });

  test('an unknown recipient of another peer comes back as a report that quotes it', async () => {
    const alice = person('alice', 'alpha.test');
    await submit(alice, { to: 'nobody@beta.test', subject: 'to nobody' });
    const messages = await readMailbox(alice, 2);
    const report = messages.map((m) => m.toString('latin1')).find((m) => m.includes('multipart/report'));
    assert.ok(report, 'a report arrived');
    assert.match(report, /^Return-Path: <>\r\n/);
    assert.match(report, /Final-Recipient: rfc822; ?nobody@beta\.test/i);
    assert.match(report, /Status: 5\.1\.1/);
    assert.match(report, /Diagnostic-Code: smtp; ?550 5\.1\.1/i);
  });

  test('the mail is still there after a restart', async () => {
    const peer = internet.peer('beta.test');
    await peer.stop();
    await peer.start();
    const [received] = await readMailbox(person('bob', 'beta.test'), 1);
    assert.match(received?.toString('latin1') ?? '', /hello bob/);
  });
});
