/** Every protocol once: its port, how TLS comes in, and which program serves it. */
import type { Config, ProgramName, Protocol } from './config.ts';

export interface ProtocolInfo {
  /** IANA's port; with a port base N it is N + this. */
  readonly port: number;
  readonly tls: 'none' | 'starttls' | 'implicit';
  /** The program that serves it; absent while none does, and then it can't be configured. */
  readonly program?: ProgramName;
}

export const PROTOCOLS: { readonly [P in Protocol]: ProtocolInfo } = {
  smtp: { port: 25, tls: 'starttls', program: 'mta' },
  submission: { port: 587, tls: 'starttls', program: 'mta' },
  submissions: { port: 465, tls: 'implicit', program: 'mta' },
  lmtp: { port: 24, tls: 'none', program: 'mda' },
  imap: { port: 143, tls: 'starttls', program: 'imap-gateway' },
  imaps: { port: 993, tls: 'implicit', program: 'imap-gateway' },
  pop3: { port: 110, tls: 'starttls', program: 'imap-gateway' },
  pop3s: { port: 995, tls: 'implicit', program: 'imap-gateway' },
  http: { port: 80, tls: 'none', program: 'imap-gateway' },
  https: { port: 443, tls: 'implicit', program: 'imap-gateway' },
  sieve: { port: 4190, tls: 'starttls' },
  metrics: { port: 9100, tls: 'none', program: 'imap-gateway' },
};

export const PROTOCOL_NAMES = Object.keys(PROTOCOLS) as readonly Protocol[];

/** What listens, as `peerpost status --json` and `npm start -- --json` show it. */
export type ListenerDescription = { readonly protocol: Protocol; readonly tls: ProtocolInfo['tls'] } & (
  | { readonly host: string; readonly port: number }
  | { readonly path: string }
);

/** The listeners that a configuration asks for, those of protocols; inner sockets are not among them. */
export function listenersOf(config: Config): ListenerDescription[] {
  const described: ListenerDescription[] = PROTOCOL_NAMES.flatMap((protocol) =>
    config.listeners[protocol].map(({ host, port }) => ({ protocol, host, port, tls: PROTOCOLS[protocol].tls })),
  );
  described.push({ protocol: 'lmtp', path: config.listeners.lmtpUnix, tls: 'none' });
  return described;
}
