/** Microsoft's Autodiscover for clients without Exchange: the POX reply ([MS-OXDSCLI]), its errors, and the JSON of version 2, which only points to it. */
import type { ClientServer, ClientSettings } from './settings.ts';
import { type Element, element, xmlDocument } from './xml.ts';

export const AUTODISCOVER_TYPE = 'text/xml; charset=utf-8';
const REPLY = 'http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006';
const OUTLOOK = 'http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a';

export function renderAutodiscover(settings: ClientSettings): string {
  const { address, incoming, outgoing } = settings;
  const account = element('Account', [
    element('AccountType', 'email'),
    element('Action', 'settings'),
    // One of each type is what the clients expect: the best.
    ...(['IMAP', 'POP3'] as const).map((type) => protocolElement(type, find(incoming, type), settings)),
    protocolElement('SMTP', outgoing[0], settings),
  ]);
  const user = address !== undefined && element('User', [element('DisplayName', address)]);
  const response = element('Response', [user, account], { xmlns: OUTLOOK });
  return xmlDocument(element('Autodiscover', [response], { xmlns: REPLY }));
}

const find = (servers: readonly ClientServer[], type: 'IMAP' | 'POP3') =>
  servers.find(({ protocol }) => protocol.startsWith(type.toLowerCase()));

function protocolElement(
  type: 'IMAP' | 'POP3' | 'SMTP',
  server: ClientServer | undefined,
  { address }: ClientSettings,
): Element | undefined {
  if (server === undefined) return undefined;
  return element('Protocol', [
    element('Type', type),
    element('Server', server.host),
    element('Port', server.port),
    element('DomainRequired', 'off'),
    address !== undefined && element('LoginName', address),
    element('SPA', 'off'),
    // `Encryption` overrides `SSL` where it is known: SSL is from the start, TLS is by STARTTLS. `SSL` off would be read as no encryption at all.
    element('SSL', 'on'),
    element('Encryption', server.security === 'tls' ? 'SSL' : 'TLS'),
    element('AuthRequired', 'on'),
    type === 'SMTP' && element('UsePOPAuth', 'off'),
    type === 'SMTP' && element('SMTPLast', 'off'),
  ]);
}

/** 600: the request cannot be read; 601: it asks for a reply of another kind (of phones that synchronize with Exchange, say). */
export function renderAutodiscoverError(code: 600 | 601, now: number): string {
  const time = new Date(now).toISOString().slice(11, -1);
  const message = code === 600 ? 'Invalid Request' : 'Provider is not available';
  const error = element('Error', [element('ErrorCode', code), element('Message', message), element('DebugData', '')], {
    Time: `${time}0000`,
    Id: '0',
  });
  return xmlDocument(element('Autodiscover', [element('Response', [error])], { xmlns: REPLY }));
}

export type AutodiscoverRequest =
  | { readonly ok: true; readonly address: string }
  | { readonly ok: false; readonly code: 600 | 601 };

const ELEMENT = (name: string) =>
  new RegExp(`<(?:[\\w.-]{1,32}:)?${name}\\s*>([^<>]{1,512})</(?:[\\w.-]{1,32}:)?${name}\\s*>`, 'i');
const ADDRESS = ELEMENT('EMailAddress');
const SCHEMA = ELEMENT('AcceptableResponseSchema');
const CHARACTER: { readonly [name: string]: string } = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/**
 * Reads the two elements that matter out of a request's bounded text. It is no XML parser on purpose: there is no document type, no entity of the
 * sender's own and no nesting that could cost anything.
 */
export function readAutodiscoverRequest(text: string): AutodiscoverRequest {
  const address = ADDRESS.exec(text)?.[1];
  if (address === undefined || /<!(?:DOCTYPE|ENTITY)/i.test(text)) return { ok: false, code: 600 };
  const schema = SCHEMA.exec(text)?.[1];
  if (schema !== undefined && schema.trim().toLowerCase() !== OUTLOOK.toLowerCase()) return { ok: false, code: 601 };
  return { ok: true, address: plainText(address).trim() };
}

function plainText(text: string): string {
  return text.replace(/&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([\da-f]{1,6}));/gi, (whole, name, decimal, hex) => {
    if (name !== undefined) return CHARACTER[String(name).toLowerCase()] ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** Version 2 knows only where version 1 is; of any other protocol it says that there is none. */
export function renderAutodiscoverJson(
  protocol: string,
  url: string,
): { readonly found: boolean; readonly body: string } {
  if (protocol.toLowerCase() === 'autodiscoverv1') {
    return { found: true, body: JSON.stringify({ Protocol: 'AutodiscoverV1', Url: url }) };
  }
  const ErrorMessage = `The protocol '${protocol.slice(0, 64)}' is not supported. Supported values are 'AutodiscoverV1'`;
  return { found: false, body: JSON.stringify({ ErrorCode: 'InvalidProtocol', ErrorMessage }) };
}
