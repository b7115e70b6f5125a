/** All that is fuzzed, by name. */
import type { Target } from './target.ts';
import { addresses } from './targets/addresses.ts';
import { config } from './targets/config.ts';
import { dns } from './targets/dns.ts';
import { gateway } from './targets/gateway.ts';
import { imap } from './targets/imap.ts';
import { imapSession } from './targets/imap-session.ts';
import { lmtpSession } from './targets/lmtp-session.ts';
import { mime } from './targets/mime.ts';
import { pop3Session } from './targets/pop3-session.ts';
import { smtp } from './targets/smtp.ts';
import { smtpClient } from './targets/smtp-client.ts';
import { smtpSession } from './targets/smtp-session.ts';

const TARGETS: readonly Target[] = [
  smtp,
  smtpSession,
  smtpClient,
  lmtpSession,
  imap,
  imapSession,
  pop3Session,
  gateway,
  mime,
  addresses,
  dns,
  config,
];

export const targetNames = (): readonly string[] => TARGETS.map(({ name }) => name);

export function findTarget(name: string): Target {
  const target = TARGETS.find((each) => each.name === name);
  if (target === undefined) throw new Error(`no target ${name}`);
  return target;
}
