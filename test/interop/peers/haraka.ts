/** Haraka, from npm, with a plugin that says which recipients are its own, keeps their mail in files, and knows where everything else goes. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startDaemon } from './daemon.ts';
import { cache, messagesIn, needsUnpacked, writeCertificate } from './folders.ts';
import type { ForeignKind, ForeignOptions, ForeignPeer } from './foreign-peer.ts';

export const haraka: ForeignKind = {
  name: 'Haraka',
  offers: ['PIPELINING', '8BITMIME', 'SMTPUTF8'],
  lacks: {
    'to us: pipelined': 'its client waits for each reply',
    'to us: BDAT': 'its client has no BDAT',
    'to us: every odd byte, by BDAT': 'its client has no BDAT',
    'to us: their notice of delay': 'it never tells of delays',
  },
  missing: () => needsUnpacked('haraka', 'npm/node_modules/Haraka/package.json'),
  start,
};

const HARAKA = join(cache, 'npm/node_modules/Haraka');

async function start(options: ForeignOptions): Promise<ForeignPeer> {
  const { domains, users, routes, listen, folder } = options;
  const path = (name: string) => join(folder, name);
  for (const name of ['config', 'plugins', 'mail', 'queue']) await mkdir(path(name));
  await writeCertificate(path('config/tls_cert.pem'), path('config/tls_key.pem'));
  const files = {
    'config/me': `mx.${domains[0]}\n`,
    'config/plugins': 'tls\ntrial\n',
    'config/smtp.ini': `listen=${listen.host}:${listen.port}\n`,
    'config/connection.ini': CONNECTION,
    'config/outbound.ini': 'temp_fail_intervals=5s*2\nenable_tls=true\nlocal_mx_ok=true\n',
    'config/log.ini': '[main]\nlevel=info\n',
    'plugins/trial.js': PLUGIN,
    'trial.json': JSON.stringify({ domains, users, routes: Object.fromEntries(routes), mail: path('mail') }),
  };
  // It would look for a group of its own, with half a minute of computing. RFC 7919 has one ready.
  const group = ['genpkey', '-genparam', '-algorithm', 'DH', '-pkeyopt', 'group:ffdhe2048'];
  await promisify(execFile)('openssl', [...group, '-out', path('config/dhparams.pem')]);
  // What its bounces say; a configuration of one's own has nothing of the package's.
  await copyFile(join(HARAKA, 'config/outbound.bounce_message'), path('config/outbound.bounce_message'));
  for (const [name, text] of Object.entries(files)) await writeFile(path(name), text);
  const daemon = await startDaemon(process.execPath, [join(HARAKA, 'bin/haraka'), '-c', folder], listen, {
    cwd: folder,
  });
  return {
    mailbox: (localPart) => messagesIn(join(path('mail'), localPart)),
    log: async () => daemon.output(),
    stop: () => daemon.stop(),
  };
}

/** All sections that it reads: its own defaults stand in a file that this one replaces. */
const CONNECTION = `[main]
[haproxy]
hosts[] =
[headers]
max_lines=1000
max_received=100
[max]
bytes=50000000
mime_parts=1000
line_length=4096
data_line_length=1002
[message]
helo=at your service
close=goodbye
[uuid]
banner_chars=0
deny_chars=0
`;

const PLUGIN = `
const fs = require('node:fs');
const path = require('node:path');
const { domains, users, routes, mail } = JSON.parse(fs.readFileSync(path.join(__dirname, '..', 'trial.json'), 'utf8'));

exports.hook_lookup_rdns = (next) => next(OK, 'localhost');

exports.hook_rcpt = (next, connection, [rcpt]) => {
  if (!domains.includes(rcpt.host)) {
    connection.relaying = true;
    return next(OK);
  }
  if (users.includes(rcpt.user)) return next(OK);
  next(DENY, '5.1.1 unknown here');
};

// Complete before it has its name in the mailbox.
exports.hook_queue = (next, connection) => {
  const { transaction } = connection;
  const whole = path.join(mail, transaction.uuid);
  const file = fs.createWriteStream(whole);
  file.on('close', () => {
    for (const { user } of transaction.rcpt_to) {
      fs.mkdirSync(path.join(mail, user), { recursive: true });
      fs.linkSync(whole, path.join(mail, user, transaction.uuid));
    }
    fs.unlinkSync(whole);
    next(OK);
  });
  transaction.message_stream.pipe(file);
};

exports.hook_get_mx = (next, hmail, domain) => {
  const { host, port } = routes[domain];
  next(OK, { priority: 0, exchange: host, port });
};
`;
