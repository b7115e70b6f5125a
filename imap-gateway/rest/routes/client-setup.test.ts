import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type RestWorld, restWorld } from '#test/support/rest.ts';

describe('client setup', () => {
  let world: RestWorld;
  before(async () => {
    world = await restWorld({
      config: '[listeners]\nimaps = ["*:993"]\nsubmissions = ["*:465"]\nhttps = ["*:8443"]\n',
    });
  });
  after(() => world.close());

  test('tells the servers, and where the profile is', async () => {
    const { status, json } = await world.ask(world.alice, 'GET', '/account/client-setup');
    assert.equal(status, 200);
    assert.deepEqual(json, {
      address: 'alice@alpha.test',
      incoming: [{ protocol: 'imaps', host: 'mail.alpha.test', port: 993, security: 'tls' }],
      outgoing: [{ protocol: 'submissions', host: 'mail.alpha.test', port: 465, security: 'tls' }],
      profile: 'https://mail.alpha.test:8443/setup/mobileconfig?address=alice%40alpha.test',
    });
  });

  test('draws the code of the profile', async () => {
    const { status, headers, text } = await world.ask(world.alice, 'GET', '/account/client-setup/qr.svg');
    assert.deepEqual([status, headers['content-type']], [200, 'image/svg+xml']);
    assert.match(text, /^<svg .*<path fill="black"/);
    assert.equal((await world.ask(undefined, 'GET', '/account/client-setup/qr.svg')).status, 401);
  });

  test('has no profile where the web is not served', async () => {
    const bare = await restWorld({ config: '[listeners]\nimaps = ["*:993"]\nhttps = "off"\nhttp = "off"\n' });
    assert.equal((await bare.ask(bare.alice, 'GET', '/account/client-setup')).json.profile, null);
    assert.equal((await bare.ask(bare.alice, 'GET', '/account/client-setup/qr.svg')).status, 404);
    await bare.close();
  });
});
