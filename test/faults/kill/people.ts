/** Who lives at a peer that is killed: people who log in all the time, so that their passwords cost little, and one whose mail goes elsewhere. */
import { argon2Sync, randomBytes } from 'node:crypto';
import { loadConfig } from '#config/load.ts';
import { createAccount } from '#store/accounts.ts';
import type { AccountSecret } from '#store/directory.ts';
import type { TestPeer } from '#test/support/system.ts';
import { openSystem } from '../../../scripts/cli/system.ts';
import { FORWARDING_USER } from './senders.ts';

/** Made while nothing runs. */
export async function makePeople(peer: TestPeer, users: readonly string[]): Promise<void> {
  const system = await openSystem(await loadConfig(peer.config));
  try {
    for (const user of users) await createAccount(system, `${user}@${peer.domain}`, cheapSecret(peer.password));
    const id = await createAccount(system, `${FORWARDING_USER}@${peer.domain}`, cheapSecret(peer.password));
    const forward = { targets: [`${FORWARDING_USER}@far.test`], keep: false };
    await system.directory.change({ type: 'set-forward', id, forward });
  } finally {
    await system.close();
  }
}

function cheapSecret(password: string): AccountSecret {
  const [nonce, message] = [randomBytes(16), Buffer.from(password)];
  const parameters = { memory: 64, passes: 1, parallelism: 1 };
  const hash = argon2Sync('argon2id', { ...parameters, message, nonce, tagLength: 32 });
  return {
    argon2: { ...parameters, salt: nonce, hash },
    // Nobody logs in by SCRAM.
    scram: { salt: randomBytes(16), iterations: 4096, storedKey: randomBytes(32), serverKey: randomBytes(32) },
  };
}
