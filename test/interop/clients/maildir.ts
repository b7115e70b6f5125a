/** Maildirs as a person's own programs change them: files are added, renamed for their flags, moved and removed. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contentHash, messageId, type NewMessage, type StoredMessage } from './mailbox.ts';

/** Letters of the name after `:2,`, in the order in which they stand there. */
const LETTERS: { readonly [letter: string]: string } = {
  D: '\\Draft',
  F: '\\Flagged',
  R: '\\Answered',
  S: '\\Seen',
  T: '\\Deleted',
};

export interface FoundFile extends Omit<StoredMessage, 'uid'> {
  readonly file: string;
}

/** Every message of a maildir. The date is not read: what a maildir says of it differs from client to client. */
export async function listMaildir(maildir: string): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  for (const folder of ['new', 'cur']) {
    for (const name of await readdir(join(maildir, folder)).catch(() => [])) {
      const file = join(maildir, folder, name);
      const raw = await readFile(file);
      const letters = /:2,([A-Z]*)$/.exec(name)?.[1] ?? '';
      const flags = letters
        .split('')
        .flatMap((letter) => LETTERS[letter] ?? [])
        .sort();
      found.push({ id: messageId(raw), flags, date: new Date(0), hash: contentHash(raw), file });
    }
  }
  return found;
}

export async function makeMaildir(maildir: string): Promise<void> {
  for (const folder of ['new', 'cur', 'tmp']) await mkdir(join(maildir, folder), { recursive: true, mode: 0o700 });
}

/** Puts a message there as a mail program would that has just written it. */
export async function addToMaildir(maildir: string, name: string, { raw, flags }: NewMessage): Promise<void> {
  await makeMaildir(maildir);
  await writeFile(
    join(maildir, 'cur', `${name}:2,${lettersOf(flags)}`),
    raw.toString('latin1').replaceAll('\r\n', '\n'),
    'latin1',
  );
}

export async function setMaildirFlags({ file }: FoundFile, flags: readonly string[]): Promise<void> {
  const bare = (file.split('/').at(-1) ?? '').replace(/:2,[A-Z]*$/, '');
  await rename(file, join(file, '../../cur', `${bare}:2,${lettersOf(flags)}`));
}

/** Under a new name without the UID that the syncing client noted in the old one. */
export async function moveToMaildir({ file, flags }: FoundFile, maildir: string, name: string): Promise<void> {
  await makeMaildir(maildir);
  await rename(file, join(maildir, 'cur', `${name}:2,${lettersOf(flags)}`));
}

export const removeFromMaildir = ({ file }: FoundFile): Promise<void> => rm(file);

const lettersOf = (flags: readonly string[]): string =>
  Object.entries(LETTERS)
    .flatMap(([letter, flag]) => (flags.includes(flag) ? letter : []))
    .join('');
