/**
 * Mozilla's Autoconfig (draft-ietf-mailmaint-autoconfig), which Thunderbird, K-9, Evolution, KMail, FairEmail and others read. It is the same for all
 * addresses of a domain: the client puts its own where the placeholder stands, so the answer tells nothing about who exists.
 */
import type { ClientServer, ClientSettings } from './settings.ts';
import { type Element, element, xmlDocument } from './xml.ts';

export const AUTOCONFIG_TYPE = 'text/xml; charset=utf-8';
const PLACEHOLDER = '%EMAILADDRESS%';

export function renderAutoconfig({ domain, incoming, outgoing }: ClientSettings): string {
  const provider = element(
    'emailProvider',
    [
      element('domain', domain),
      element('displayName', domain),
      element('displayShortName', domain),
      ...incoming.map((server) => serverElement('incomingServer', server)),
      ...outgoing.map((server) => serverElement('outgoingServer', server)),
    ],
    { id: domain },
  );
  return xmlDocument(element('clientConfig', [provider], { version: '1.2' }));
}

const TYPES = { imaps: 'imap', imap: 'imap', pop3s: 'pop3', pop3: 'pop3', submissions: 'smtp', submission: 'smtp' };

function serverElement(name: string, { protocol, host, port, security }: ClientServer): Element {
  return element(
    name,
    [
      element('hostname', host),
      element('port', port),
      element('socketType', security === 'tls' ? 'SSL' : 'STARTTLS'),
      // `password-encrypted` means CRAM-MD5, which needs the password on the server. Clients that know SCRAM choose it by themselves.
      element('authentication', 'password-cleartext'),
      element('username', PLACEHOLDER),
    ],
    { type: TYPES[protocol] },
  );
}
