/** Postfix and Dovecot together, as most of the world runs them: Postfix receives and queues, and delivers by LMTP. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type DovecotOptions, startDovecot } from './dovecot.ts';
import { startPostfix } from './postfix.ts';
import { addressesOf, DOMAIN, type MailSystem, type SystemOptions } from './system.ts';

export async function startPostfixAndDovecot(
  options: SystemOptions & Pick<DovecotOptions, 'format'>,
): Promise<MailSystem> {
  const { folder, accounts, shim } = options;
  const format = options.format ?? 'maildir';
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const dovecot = await startDovecot({ folder: join(folder, 'dovecot'), shim, format });
  try {
    const postfix = await startPostfix({
      folder: join(folder, 'postfix'),
      shim,
      settings: [
        `virtual_mailbox_domains = ${DOMAIN}`,
        `virtual_mailbox_maps = texthash:${folder}/postfix/etc/users`,
        `virtual_transport = lmtp:unix:${dovecot.lmtp}`,
      ],
      tables: { users: addressesOf(accounts).map((address) => `${address} here`) },
    });
    return {
      name: `Postfix + Dovecot (${format})`,
      smtp: postfix,
      imap: dovecot.imap,
      password: dovecot.password,
      shim,
      roots: () => [postfix.pid, dovecot.pid],
      idle: () => postfix.idle(),
      async close() {
        postfix.stop();
        dovecot.stop();
      },
    };
  } catch (error) {
    dovecot.stop();
    throw error;
  }
}
