import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '#config/parse.ts';
import { planConfiguration, showConfiguration } from './configuration.ts';

const TOML = 'hostname = "mx.a.test"\n[listeners]\nsmtp = "192.0.2.1:25"\n';
const config = parseConfig(TOML, { file: '/srv/peerpost.toml', cores: 1 });

test('what is in effect is shown, and is no change', () => {
  const { file, toml } = showConfiguration(config);
  assert.equal(file, '/srv/peerpost.toml');
  assert.match(toml, /^smtp = "192\.0\.2\.1:25"$/m);
  assert.deepEqual(planConfiguration(config, toml), { changes: [], listeners: [], problems: [] });
});

test('a change names its keys, and which of them are listeners', () => {
  const toml = `${TOML}imap = "192.0.2.1:143"\n[limits]\nmessage-size = "1MB"\n[routes]\n"x.test" = "smtp://h.test:25"\n`;
  const { changes, listeners, problems } = planConfiguration(config, toml);
  assert.deepEqual(problems, []);
  assert.deepEqual(changes.map(({ key }) => key).sort(), ['limits.message-size', 'listeners.imap', 'routes']);
  assert.deepEqual(listeners, ['listeners.imap']);
  assert.equal(changes.find(({ key }) => key === 'listeners.imap')?.after, '"192.0.2.1:143"');
});

test('what the peer would not start with is told, all of it', () => {
  const { problems } = planConfiguration(config, 'hostname = 5\n[listeners]\nsmpt = "x"\n');
  assert.equal(problems.length, 2);
  assert.deepEqual(problems.map(({ target }) => target).sort(), ['hostname', 'listeners.smpt']);
});
