/** A certificate authority for one trial: clients that trust no certificate that vouches for itself trust this. Made by openssl. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '../programs.ts';

export interface Issued {
  /** Paths of PEM files. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

/** An authority and a certificate of it for `names`, in `folder`. */
export async function issueCertificate(folder: string, names: readonly string[]): Promise<Issued> {
  const at = (name: string) => join(folder, name);
  const [authority, authorityKey, certificate, key] = [at('ca.pem'), at('ca.key'), at('host.pem'), at('host.key')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '7'];
  // Extensions from here alone, whatever the system's configuration adds.
  const config = at('openssl.cnf');
  await writeFile(config, '[req]\ndistinguished_name = dn\n[dn]\n');
  await openssl([
    ...[...request, '-config', config, '-subj', '/CN=Trial authority', '-keyout', authorityKey, '-out', authority],
    ...['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'],
  ]);
  await openssl([
    ...[...request, '-config', config, '-subj', `/CN=${names[0]}`, '-keyout', key, '-out', certificate],
    ...['-CA', authority, '-CAkey', authorityKey],
    ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'extendedKeyUsage=serverAuth'],
    ...['-addext', `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`],
  ]);
  return { authority, certificate, key };
}

async function openssl(args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram('openssl', args);
  if (code !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}
