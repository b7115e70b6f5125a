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
  // Extensions from here alone, whatever the system's configuration adds.
  const config = at('openssl.cnf');
  await writeFile(config, '[req]\ndistinguished_name = dn\n[dn]\n');
  const make = (name: string, keyOut: string, out: string, more: readonly string[], extensions: readonly string[]) =>
    openssl([
      ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 7'.split(' '),
      '-config',
      config,
      '-subj',
      `/CN=${name}`,
      '-keyout',
      keyOut,
      '-out',
      out,
      ...more,
      ...extensions.flatMap((extension) => ['-addext', extension]),
    ]);
  await make(
    'Trial authority',
    authorityKey,
    authority,
    [],
    ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign'],
  );
  await make(
    names[0] ?? '',
    key,
    certificate,
    ['-CA', authority, '-CAkey', authorityKey],
    [
      'basicConstraints=critical,CA:FALSE',
      'extendedKeyUsage=serverAuth',
      `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`,
    ],
  );
  return { authority, certificate, key };
}

async function openssl(args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram('openssl', args);
  if (code !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}
