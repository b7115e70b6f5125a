/**
 * PACC, the automatic configuration of Apple and Beonex (draft-ietf-mailmaint-pacc): one body for a domain at its own host name, and its digest in the
 * DNS. Whatever changes a single octet here changes the TXT record too, so the body holds nothing that changes by itself.
 */
import { createHash } from 'node:crypto';
import { PROTOCOLS } from '#config/protocols.ts';
import type { ClientProtocol, ClientSettings } from './settings.ts';

export const PACC_PATH = '/.well-known/user-agent-configuration.json';

/**
 * Undefined where nothing can be said: the format names hosts alone, so it can describe only TLS from the start on standard ports.
 * Drafts to -02 name submission `smtp`, later ones `submit`; unknown names are ignored by the reader, so both are there.
 */
export function renderPacc({ domain, incoming, outgoing }: ClientSettings): string | undefined {
  const host = (protocol: ClientProtocol) => {
    const found = [...incoming, ...outgoing].find((server) => server.protocol === protocol);
    return found !== undefined && found.port === PROTOCOLS[protocol].port ? { host: found.host } : undefined;
  };
  const submissions = host('submissions');
  const protocols = { imap: host('imaps'), pop3: host('pop3s'), smtp: submissions, submit: submissions };
  if (Object.values(protocols).every((server) => server === undefined)) return undefined;
  return `${JSON.stringify({ protocols, authentication: { password: true }, info: { provider: { name: shortened(domain) } } }, null, 2)}\n`;
}

/** The draft gives a provider's name 60 characters. */
const shortened = (domain: string) => (domain.length <= 60 ? domain : `${domain.slice(0, 59)}…`);

/** The TXT record at `_ua-auto-config.DOMAIN` for exactly these octets. */
export function paccDigest(body: string): string {
  return `v=UAAC1; a=sha256; d=${createHash('sha256').update(body, 'utf8').digest('base64')}`;
}
