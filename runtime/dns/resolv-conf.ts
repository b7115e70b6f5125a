/** The system's DNS servers, for when none are configured. */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Endpoint } from '#config/config.ts';

/** resolv.conf(5): lines `nameserver ADDRESS`; without any, the local host is asked. */
export function parseResolvConf(text: string): Endpoint[] {
  const servers = [...text.matchAll(/^[ \t]*nameserver[ \t]+([^\s#;]+)/gm)]
    .map(([, address = '']) => address)
    .filter((address) => isIP(address.replace(/%.*/, '')) !== 0)
    .map((host) => ({ host, port: 53 }));
  return servers.length > 0 ? servers : [{ host: '127.0.0.1', port: 53 }];
}

/** The configured servers, or those of /etc/resolv.conf. */
export async function serversFor(
  configured: readonly Endpoint[],
  file = '/etc/resolv.conf',
): Promise<readonly Endpoint[]> {
  if (configured.length > 0) return configured;
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return '';
  });
  return parseResolvConf(text);
}
