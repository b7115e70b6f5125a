/** The supervisor as root, its programs as a user that may do nothing else: who runs as whom, who owns what, and keys that only root can read. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { makeSelfSigned } from '#runtime/tls/self-signed.ts';
import { readMailbox, submit } from '#test/support/mail-client.ts';
import { attachTestPeer, loopbackAddress, runCli, type TestPeer } from '#test/support/system.ts';

/** No user of this system has it. */
const ID = 61_234;
const code = join(import.meta.dirname, '../../mta/main.ts');

function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  const read = `require('node:fs').accessSync(${JSON.stringify(code)})`;
  const { status } = spawnSync(process.execPath, ['-e', read], { uid: ID, gid: ID, stdio: 'ignore' });
  return status === 0 ? false : 'other users cannot read this checkout, or run this Node';
}

describe('root starts it, another user runs it', { skip: whyNot() }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'pp-root-'));
  const data = join(folder, 'data');
  const keys = join(folder, 'keys');
  const config = join(data, 'peerpost.toml');
  const host = loopbackAddress();
  let peer: TestPeer;

  /** A new certificate, whose key is root's alone. */
  const writeKeys = (): string => {
    const now = Date.now();
    const made = makeSelfSigned({ names: ['mx.alpha.test'], notBefore: now - 1_000, notAfter: now + 86_400_000 });
    writeFileSync(join(keys, 'cert.pem'), made.certificate, { mode: 0o600 });
    writeFileSync(join(keys, 'key.pem'), made.key, { mode: 0o600 });
    return made.certificate;
  };
  let shown = '';

  before(async () => {
    chmodSync(folder, 0o711);
    mkdirSync(keys, { mode: 0o700 });
    shown = writeKeys();
    const must = async (args: string[], input?: string): Promise<void> => {
      const { code: exit, stderr } = await runCli(args, input);
      assert.equal(exit, 0, stderr);
    };
    // Standard ports, most of them below 1024.
    await must(['init', '--data', data, '--domain', 'alpha.test', '--hostname', 'mx.alpha.test', '--listen', host]);
    const written = readFileSync(config, 'utf8');
    const tls = `[tls]\ncertificate = "${join(keys, 'cert.pem')}"\nkey = "${join(keys, 'key.pem')}"\n`;
    writeFileSync(config, `user = "${ID}:${ID}"\n${written}\n${tls}`);
    await must(['account', 'add', 'ann@alpha.test', '--password-stdin', '--config', config], 'correct horse\n');
    peer = attachTestPeer({ domain: 'alpha.test', host, data, config, password: 'correct horse', folder, portBase: 0 });
    await peer.start();
  });
  after(async () => {
    await peer?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('children have the user, its group, and no other groups', async () => {
    for (const [name, pid] of await peer.pids()) {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const line = (key: string): string | undefined =>
        new RegExp(`^${key}:[ \\t]*(.*?)[ \\t]*$`, 'm').exec(status)?.[1];
      const all = [ID, ID, ID, ID].join('\t');
      assert.deepEqual([name, line('Uid'), line('Gid'), line('Groups')], [name, all, all, '']);
      assert.equal(line('CapEff'), '0000000000000000');
    }
    assert.match(readFileSync(`/proc/${peer.supervisor()?.pid}/status`, 'utf8'), /^Uid:\t0\t0\t0\t0$/m);
  });

  test('what root made is the user’s, but for the configuration; sockets are for it alone', () => {
    const kept = new Set(['peerpost.toml']);
    for (const entry of readdirSync(data, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const { uid, mode } = lstatSync(path);
      // Locks of the supervisor's own hold nothing.
      if (path.endsWith('.lock')) continue;
      assert.equal(uid, kept.has(entry.name) ? 0 : ID, path);
      assert.equal(mode & 0o007, 0, path);
      if (entry.isSocket()) assert.equal(mode & 0o777, 0o600, path);
    }
    assert.equal(lstatSync(data).uid, ID);
    assert.equal(lstatSync(data).mode & 0o777, 0o700);
    assert.ok(readdirSync(join(data, 'run')).includes('queue.sock'));
  });

  test('a key that only root can read is served, and its successor after SIGHUP', async () => {
    assert.equal(await certificateOf(host), fingerprintOf(shown));
    const next = fingerprintOf(writeKeys());
    peer.supervisor()?.kill('SIGHUP');
    const until = performance.now() + 20_000;
    while ((await certificateOf(host)) !== next) assert.ok(performance.now() < until, peer.log().slice(-2000));
  });

  test('mail comes in on standard ports and is read; root’s commands leave nothing that the programs cannot use', async () => {
    const ann = { peer, address: 'ann@alpha.test' };
    await submit(ann, { to: 'ann@alpha.test', subject: 'one', text: 'x'.repeat(400_000) });
    assert.equal((await readMailbox(ann, 1)).length, 1);
    await peer.stop();
    const { code: exit, stderr } = await peer.cli(
      ['account', 'add', 'ben@alpha.test', '--password-stdin'],
      'correct horse\n',
    );
    assert.equal(exit, 0, stderr);
    await peer.start();
    await submit(ann, { to: 'ben@alpha.test', subject: 'two' });
    assert.equal((await readMailbox({ peer, address: 'ben@alpha.test' }, 1)).length, 1);
    const restarted = await peer.cli(['restart', '--json']);
    assert.equal(restarted.code, 0, restarted.stderr);
    assert.equal((await readMailbox(ann, 1)).length, 1);
    assert.doesNotMatch(peer.log(), /EACCES|EPERM|readonly database/);
  });

  test('a data folder that the user cannot come to is said at the start', async () => {
    await peer.stop();
    chmodSync(folder, 0o700);
    const { code: exit, stderr } = await runCli(['run', '--config', config]);
    chmodSync(folder, 0o711);
    assert.equal(exit, 1);
    assert.match(stderr, /user: it may not enter .*chmod a\+x/);
  });
});

const fingerprintOf = (pem: string): string => pem.replaceAll(/-----.*?-----|\s/g, '');

function certificateOf(host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: 993, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().raw.toString('base64'));
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
