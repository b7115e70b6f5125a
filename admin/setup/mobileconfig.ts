/**
 * Apple's configuration profile for Mail (`com.apple.mail.managed`) as a property list. It holds no password: the device asks for it. Identifiers
 * come from the address, so that a profile that is installed again replaces its former self.
 */
import { createHash } from 'node:crypto';
import type { ClientServer, ClientSettings } from './settings.ts';
import { type Element, element, xmlDocument } from './xml.ts';

export const PROFILE_TYPE = 'application/x-apple-aspen-config';
const DOCTYPE =
  '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">';

type Plist = string | number | boolean | readonly Plist[] | { readonly [key: string]: Plist };

/** Undefined without an address, or where there is nothing to collect mail from or nothing to send it by. */
export function renderMobileconfig(settings: ClientSettings): string | undefined {
  const { address, domain } = settings;
  const [incoming] = settings.incoming;
  const [outgoing] = settings.outgoing;
  if (address === undefined || incoming === undefined || outgoing === undefined) return undefined;
  const identifier = `${domain.split('.').reverse().join('.')}.mail.${stableUuid(`account ${address}`).slice(0, 8)}`;
  const mail = {
    PayloadType: 'com.apple.mail.managed',
    PayloadVersion: 1,
    PayloadIdentifier: `${identifier}.account`,
    PayloadUUID: stableUuid(`account ${address}`),
    PayloadDisplayName: `Mail ${address}`,
    EmailAccountDescription: address,
    EmailAddress: address,
    EmailAccountType: incoming.protocol.startsWith('imap') ? 'EmailTypeIMAP' : 'EmailTypePOP',
    ...server('IncomingMailServer', incoming, address),
    ...server('OutgoingMailServer', outgoing, address),
    OutgoingPasswordSameAsIncomingPassword: true,
    PreventMove: false,
    PreventAppSheet: false,
  };
  return plist({
    PayloadType: 'Configuration',
    PayloadVersion: 1,
    PayloadIdentifier: identifier,
    PayloadUUID: stableUuid(`profile ${address}`),
    PayloadDisplayName: `Mail for ${address}`,
    PayloadDescription: `Sets up ${address} in Mail.`,
    PayloadOrganization: domain,
    PayloadRemovalDisallowed: false,
    PayloadContent: [mail],
  });
}

function server(prefix: string, { host, port }: ClientServer, address: string): { readonly [key: string]: Plist } {
  return {
    [`${prefix}Authentication`]: 'EmailAuthPassword',
    [`${prefix}HostName`]: host,
    [`${prefix}PortNumber`]: port,
    // Both kinds of TLS: the device tries the one that the port speaks.
    [`${prefix}UseSSL`]: true,
    [`${prefix}Username`]: address,
  };
}

function plist(value: Plist): string {
  return xmlDocument(element('plist', [plistElement(value)], { version: '1.0' }), DOCTYPE);
}

function plistElement(value: Plist): Element {
  if (typeof value === 'string') return element('string', value);
  if (typeof value === 'number') return element('integer', value);
  if (typeof value === 'boolean') return element(String(value), '');
  if (Array.isArray(value)) return element('array', (value as readonly Plist[]).map(plistElement));
  const entries = Object.entries(value as { readonly [key: string]: Plist });
  return element(
    'dict',
    entries.flatMap(([key, entry]) => [element('key', key), plistElement(entry)]),
  );
}

/** RFC 9562 §5.8: a version 8 UUID out of a name of ours. */
function stableUuid(name: string): string {
  const octets = createHash('sha256').update(`peerpost profile\n${name}`).digest().subarray(0, 16);
  octets[6] = ((octets[6] ?? 0) & 0x0f) | 0x80;
  octets[8] = ((octets[8] ?? 0) & 0x3f) | 0x80;
  const hex = octets.toString('hex').toUpperCase();
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
