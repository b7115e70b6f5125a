/** The certificate that the server shows: the configured one, or a self-signed one that is made once and kept in the data folder. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Config } from '#config/config.ts';
import { PROTOCOL_NAMES } from '#config/protocols.ts';
import { makeSecureContext } from './secure-context.ts';
import { type CertificatePem, makeSelfSigned } from './self-signed.ts';

const YEAR = 365 * 86_400_000;

/** Throws an `Error` whose message says which file is wrong and how. Only the supervisor calls it, since it alone may read the key. */
export async function loadServerCertificate(config: Config, now: number): Promise<CertificatePem> {
  const { certificate, key } = config.tls;
  const pair =
    certificate === undefined || key === undefined
      ? await keptSelfSigned(config, now)
      : { certificate: await readPem(certificate, 'tls.certificate'), key: await readPem(key, 'tls.key') };
  try {
    makeSecureContext(pair);
  } catch (cause) {
    throw new Error(`tls.certificate and tls.key cannot be used: ${(cause as Error).message}`, { cause });
  }
  return pair;
}

async function readPem(path: string, key: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new Error(`${key}: cannot read ${path} (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
}

async function keptSelfSigned(config: Config, now: number): Promise<CertificatePem> {
  const folder = join(config.data, 'tls');
  const file = join(folder, 'self-signed.pem');
  const names = certificateNames(config);
  const kept = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
  const pair = kept === undefined ? undefined : splitPem(kept);
  if (pair !== undefined && stillGood(pair, names, now)) return pair;
  const made = makeSelfSigned({ names, notBefore: now - 86_400_000, notAfter: now + 10 * YEAR });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Both in one file, synced and then renamed into place: neither a crash nor a power cut leaves half of it.
  await writeFile(`${file}.new`, made.certificate + made.key, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
  return made;
}

function certificateNames(config: Config): string[] {
  const addresses = PROTOCOL_NAMES.flatMap((protocol) => config.listeners[protocol].map(({ host }) => host));
  const own = addresses.filter((address) => isIP(address) !== 0 && address !== '0.0.0.0' && address !== '::');
  return [...new Set([config.hostname, 'localhost', ...own])];
}

function splitPem(text: string): CertificatePem | undefined {
  const end = text.indexOf('-----BEGIN PRIVATE KEY-----');
  return end < 0 ? undefined : { certificate: text.slice(0, end), key: text.slice(end) };
}

/** One that was damaged on the disk is no reason not to start: it is made anew, as nobody was to trust it by its key. */
function stillGood({ certificate, key }: CertificatePem, names: readonly string[], now: number): boolean {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
    if (!parsed.checkPrivateKey(createPrivateKey(key))) return false;
  } catch {
    return false;
  }
  const covered = names.every((name) =>
    isIP(name) === 0 ? parsed.checkHost(name) !== undefined : parsed.checkIP(name) !== undefined,
  );
  return covered && parsed.validToDate.getTime() > now + 30 * 86_400_000;
}
