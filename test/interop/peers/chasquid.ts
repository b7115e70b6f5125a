/** chasquid, built from its Go module with the tag that lets its DNS server be chosen. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PORT_BASE } from '#test/support/system.ts';
import { startDaemon } from './daemon.ts';
import { cache, messagesIn, needsBuilt, readLog, writeCertificate } from './folders.ts';
import type { ForeignKind, ForeignOptions, ForeignPeer } from './foreign-peer.ts';
import { handInOverTls } from './submission.ts';

export const chasquid: ForeignKind = {
  name: 'chasquid',
  offers: ['PIPELINING', '8BITMIME', 'SMTPUTF8'],
  // It waits one to two minutes after the first failure, five to six after the second, and neither can be set.
  busy: 1,
  lacks: {
    'to us: pipelined': 'its client waits for each reply',
    'to us: BDAT': 'its client has no BDAT',
    'to us: every odd byte, by BDAT': 'its client has no BDAT',
    'to us: their notice of delay': 'it never tells of delays',
    'to us: their notice of expiry': 'it gives up after twenty hours, which can not be set',
  },
  missing: () => needsBuilt('chasquid'),
  start,
};

const PASSWORD = 'correct horse';

async function start(options: ForeignOptions): Promise<ForeignPeer> {
  const { domains, users, listen, dns, folder } = options;
  const path = (name: string) => join(folder, name);
  const hostname = `mx.${domains[0]}`;
  for (const name of ['data', 'mail', `certs/${hostname}`]) await mkdir(path(name), { recursive: true });
  await writeCertificate(path(`certs/${hostname}/fullchain.pem`), path(`certs/${hostname}/privkey.pem`));
  const entries = users
    .map((user) => `users: { key: "${user}" value: { plain: { password: "${PASSWORD}" } } }\n`)
    .join('');
  for (const domain of domains) {
    await mkdir(path(`domains/${domain}`), { recursive: true });
    await writeFile(path(`domains/${domain}/users`), entries);
  }
  await writeFile(path('deliver'), DELIVER, { mode: 0o755 });
  await writeFile(path('chasquid.conf'), configuration(folder, hostname, listen));
  const flags = ['-config_dir', folder, '-testing__dns_addr', dns, '-testing__outgoing_smtp_port', String(listen.port)];
  const daemon = await startDaemon(join(cache, 'go/chasquid'), flags, listen, { cwd: folder });
  const login = { user: `sender@${domains[0]}`, password: PASSWORD };
  return {
    mailbox: (localPart) => messagesIn(path(`mail/${localPart}/new`)),
    inject: (envelope, content) =>
      handInOverTls({ host: listen.host, port: PORT_BASE + 465, login }, envelope, content),
    log: async () => `${daemon.output()}${await readLog(path('maillog'))}`,
    stop: () => daemon.stop(),
  };
}

/** Complete before it has its name in the mailbox. */
const DELIVER = `#!/bin/sh
set -e
mkdir -p "$1/tmp" "$1/new"
cat >"$1/tmp/$$"
mv "$1/tmp/$$" "$1/new/$$.$(date +%s%N)"
`;

function configuration(folder: string, hostname: string, { host, port }: ForeignOptions['listen']): string {
  return `hostname: "${hostname}"
max_data_size_mb: 50
smtp_address: "${host}:${port}"
submission_address: "${host}:${PORT_BASE + 587}"
submission_over_tls_address: "${host}:${PORT_BASE + 465}"
mail_delivery_agent_bin: "${folder}/deliver"
mail_delivery_agent_args: "${folder}/mail/%to_user%"
data_dir: "${folder}/data"
mail_log_path: "${folder}/maillog"
`;
}
