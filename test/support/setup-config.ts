/** Configurations of peers that offer this or that, for tests of what clients are told. */
import type { Config, Protocol } from '#config/config.ts';
import { initialConfig } from '#config/init.ts';
import { parseConfig } from '#config/parse.ts';
import { PROTOCOL_NAMES, PROTOCOLS } from '#config/protocols.ts';

export interface OfferOptions {
  readonly hostname?: string;
  readonly host?: string;
  readonly portBase?: number;
}

/** A peer that listens for these protocols alone. */
export function offering(protocols: readonly Protocol[], options: OfferOptions = {}): Config {
  const { hostname = 'mail.example.org', host = '*', portBase = 0 } = options;
  const config = parseConfig(initialConfig({ domain: 'example.org', hostname }), { file: '/etc/peer.toml', cores: 1 });
  const listeners = Object.fromEntries(
    PROTOCOL_NAMES.map((name) => [
      name,
      protocols.includes(name) ? [{ host, port: portBase + PROTOCOLS[name].port }] : [],
    ]),
  );
  return { ...config, listeners: { ...config.listeners, ...listeners } };
}

export const EVERYTHING = [
  'smtp',
  'imap',
  'imaps',
  'pop3',
  'pop3s',
  'submission',
  'submissions',
  'http',
  'https',
] as const satisfies readonly Protocol[];
