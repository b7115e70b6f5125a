/** Our login at the smarthost. The files are read for each connection, so that a new password needs no restart. */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { Config } from '#config/config.ts';
import { isTransient, reply } from '#mail/smtp/reply.ts';
import type { SmtpClient } from '#runtime/smtp/client.ts';
import type { Credentials } from '#runtime/smtp/client-auth.ts';
import { ClientError } from '#runtime/smtp/client-types.ts';

export interface SmarthostLogin {
  readonly credentials: Credentials;
  /** PEM; the usual authorities when absent. */
  readonly authorities?: string;
}

/** Throws what reading throws: mail waits until the admin has mended it. */
export async function readSmarthostLogin({ delivery }: Config): Promise<SmarthostLogin> {
  const { smarthostUser, smarthostPasswordFile, smarthostCertificates } = delivery;
  if (smarthostUser === undefined || smarthostPasswordFile === undefined) throw new Error('no login at the smarthost');
  const [password = ''] = (await readFile(smarthostPasswordFile, 'utf8')).split(/\r?\n/);
  return {
    credentials: { username: smarthostUser, password },
    ...(smarthostCertificates !== undefined && { authorities: await readFile(smarthostCertificates, 'utf8') }),
  };
}

/** A certificate that is valid for `host`. RFC 6066 §3: no address as a server name; the certificate must name it all the same. */
export function verifiedTls(host: string, login: SmarthostLogin): TlsOptions {
  const name = isIP(host) === 0 ? { servername: host } : { host };
  return { rejectUnauthorized: true, ...name, ...(login.authorities !== undefined && { ca: login.authorities }) };
}

/**
 * TLS, if there is none yet, then AUTH. Throws `ClientError`; what the smarthost has against our login is never the message's fault, so that a wrong
 * password makes mail wait instead of bounce.
 */
export async function enterSmarthost(client: SmtpClient, host: string, login: SmarthostLogin): Promise<void> {
  if (client.tls === undefined) {
    if (!client.extensions.has('STARTTLS'))
      throw refusal('it has no STARTTLS, and a password must not go in the clear');
    await client.startTls(verifiedTls(host, login));
  }
  try {
    await client.logIn(login.credentials);
  } catch (error) {
    const answer = error instanceof ClientError ? error.reply : undefined;
    if (answer === undefined || isTransient(answer)) throw error;
    throw refusal(`${answer.code} ${answer.lines[0] ?? ''}`);
  }
}

const refusal = (why: string): ClientError =>
  new ClientError('auth', reply(454, '7.0', `Cannot log in at the smarthost: ${why}`.slice(0, 400)));
