/** `peerpost account export` and `restore`: one file with everything (docs/archive-format.md). `-` is standard output or input. */
import { createReadStream, existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import type { Command } from 'commander';
import { checkPassword } from '#admin/passwords.ts';
import { MailError } from '#mail/failure.ts';
import { syncFolder } from '#runtime/durable-folder.ts';
import { systemClock } from '#runtime/system.ts';
import { findAccount } from '#store/accounts.ts';
import { makeSecret } from '#store/secret.ts';
import { verifyArchive } from '#transfer/archive/read.ts';
import { restoreArchive } from '#transfer/archive/restore.ts';
import { type ArchiveProgress, writeArchive } from '#transfer/archive/write.ts';
import { type Act, type Options, withSystem } from '../act.ts';
import { readStandardInput } from '../input.ts';
import { type Output, octets, UsageError } from '../output.ts';
import { CLI, type System } from '../system.ts';
import { createProgressLine, stayedBehind } from './transfer-progress.ts';

export function addAccountArchiveCommands(account: Command, act: Act): void {
  account
    .command('export')
    .argument('<address>')
    .argument('<file>', 'a new file; compressed where it ends in .zst or .gz; - is standard output')
    .option('--with-password', "the password's hashes too, so that logins go on where it is restored")
    .description('write an account with all its mail into one file')
    .action(
      act((output, options, address: string, file: string) =>
        withSystem(options, (system) => exportTo(system, output, options, address, file)),
      ),
    );

  account
    .command('restore')
    .usage('[options] [address] <file>')
    .argument('<address>', "the new account; may be left out for the archive's own")
    .argument('[file]', '- is standard input')
    .option('--verify', 'read the file and check it, nothing more')
    .option('--password-stdin', 'read a new password from standard input, where the file has none')
    .description('make an account from such a file: ids, UIDs, flags and dates as they were')
    .action(
      act((output, options, first: string, second: string | undefined) => {
        const [address, file] = second === undefined ? [undefined, first] : [first, second];
        if (file === '-' && options.passwordStdin)
          throw new UsageError('standard input is the archive or the password');
        return options.verify
          ? verify(output, file)
          : withSystem(options, (system) => restoreFrom(system, output, options, address, file));
      }),
    );
}

interface Done {
  readonly messages: number;
  readonly total: number;
  readonly octets: number;
}

const shown = ({ messages, total, octets: size }: Done | ArchiveProgress) => ({
  done: messages,
  total,
  text: octets(size),
});

async function exportTo(
  system: System,
  output: Output,
  options: Options,
  address: string,
  file: string,
): Promise<void> {
  const { directory, store, random } = system;
  if (file !== '-' && existsSync(file)) throw new MailError('exists', `${file} is there already: name a new file`);
  const account = await findAccount(directory, address);
  if (account === undefined) throw new MailError('no-such-account', `there is no account ${address}`);
  const secret = options.withPassword ? await directory.secret(account.id) : undefined;
  await directory.change({ type: 'note-act', act: 'export-account', target: account.address }, CLI);
  const line = createProgressLine(file === '-' ? { ...output, json: false } : output, shown);
  let done: ArchiveProgress = { messages: 0, total: 0, octets: 0, failed: 0, failures: [] };
  const chunks = writeArchive({ store, directory, random, clock: systemClock }, account, {
    ...(secret === undefined ? {} : { secret }),
    report: (now) => {
      done = now;
      line.report(now);
    },
  });
  await writeTo(file, chunks);
  line.end();
  if (done.failed > 0) process.exitCode = 1;
  const { total: _, ...told } = done;
  const text = [`${done.messages} messages (${octets(done.octets)}) in ${file}`, ...stayedBehind(done)].join('\n');
  if (file !== '-') output.result({ address, file, ...told }, () => text);
  else if (done.failed > 0) process.stderr.write(`${stayedBehind(done).join('\n')}\n`);
}

/** The file is there when it is whole. */
async function writeTo(file: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const source = Readable.from(chunks, { objectMode: false });
  if (file === '-') {
    await pipeline(source, process.stdout, { end: false });
    return;
  }
  const partial = `${file}.part`;
  const handle = await open(partial, 'w', 0o600);
  try {
    const into = handle.createWriteStream({ highWaterMark: 1_048_576, flush: true });
    if (file.endsWith('.gz')) await pipeline(source, createGzip(), into);
    else if (file.endsWith('.zst')) await pipeline(source, createZstdCompress(), into);
    else await pipeline(source, into);
    await rename(partial, file);
    await syncFolder(dirname(resolve(file)));
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

const readFrom = (file: string): AsyncIterable<Uint8Array> =>
  file === '-' ? (process.stdin as AsyncIterable<Buffer>) : createReadStream(file, { highWaterMark: 262_144 });

async function verify(output: Output, file: string): Promise<void> {
  const { manifest, end } = await verifyArchive(readFrom(file));
  const { address } = manifest.account;
  const { messages, octets: size } = end;
  const password = manifest.account.secret !== undefined;
  output.result({ address, createdAt: manifest.createdAt, messages, octets: size, password }, () =>
    [`${file} is whole: ${address} of ${manifest.createdAt}, ${messages} messages (${octets(size)})`]
      .concat(password ? [] : ['it has no password'])
      .join('; '),
  );
}

async function restoreFrom(
  system: System,
  output: Output,
  options: Options,
  given: string | undefined,
  file: string,
): Promise<void> {
  const { directory, store, random, shards } = system;
  const password = options.passwordStdin ? (await readStandardInput()).replace(/\r?\n$/, '') : undefined;
  if (password === '') throw new UsageError('the password on standard input is empty');
  if (password !== undefined) checkPassword(password, CLI);
  if (given === undefined && file === '-') throw new UsageError('which address? peerpost account restore ADDRESS -');
  const address = given ?? (await verifyArchive(readFrom(file))).manifest.account.address;
  const line = createProgressLine(output, shown);
  const rooms = { store, directory, random, shards, clock: systemClock, messageSize: Number.POSITIVE_INFINITY };
  const done = await restoreArchive(rooms, readFrom(file), {
    address,
    ...(password === undefined ? {} : { secret: await makeSecret(password) }),
    by: CLI,
    report: line.report,
  });
  line.end();
  output.result(done, () =>
    [`restored ${address}: ${done.messages} messages (${octets(done.octets)})`]
      .concat(done.left.map((alias) => `alias ${alias} was not taken over`))
      .join('\n'),
  );
}
