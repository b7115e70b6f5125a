/** What is no JSON, out of an operation (operations.ts) and into one. `-` is standard output or input. */
import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { ContentOptions, Input } from '../../imap-gateway/rest/call.ts';
import { type Output, octets, UsageError } from './output.ts';

/** Into a new file, or as it is to standard output. */
export async function writeContent(output: Output, { body }: ContentOptions, file: unknown): Promise<void> {
  const name = typeof file === 'string' && file !== '-' ? file : undefined;
  if (name === undefined && output.json) throw new UsageError('it is no JSON: name a file with --output');
  const handle = name === undefined ? undefined : await open(name, 'wx', 0o600);
  let size = 0;
  try {
    for await (const piece of typeof body === 'string' || body instanceof Uint8Array ? [body] : body) {
      const bytes = Buffer.from(piece);
      size += bytes.length;
      await put(handle, bytes);
    }
    await handle?.sync();
  } finally {
    await handle?.close();
  }
  if (name !== undefined) output.result({ file: name, octets: size }, () => `wrote ${octets(size)} to ${name}`);
}

async function put(handle: FileHandle | undefined, bytes: Uint8Array): Promise<void> {
  if (handle !== undefined) await handle.writeFile(bytes);
  else await new Promise<void>((resolve, reject) => process.stdout.write(bytes, (e) => (e ? reject(e) : resolve())));
}

/** A file as the operation's body, as a stream. */
export async function uploadOf(file: string, type: string): Promise<NonNullable<Input['upload']>> {
  if (file === '-') return { type, parameters: {}, stream: process.stdin as AsyncIterable<Uint8Array> };
  const { size } = await stat(file);
  return { type, parameters: {}, stream: createReadStream(file) as AsyncIterable<Uint8Array>, length: size };
}

/** A file with JSON, as REST takes it. */
export async function readJson(file: string): Promise<unknown> {
  const pieces: Uint8Array[] = [];
  for await (const piece of (await uploadOf(file, 'application/json')).stream) pieces.push(Buffer.from(piece));
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch (cause) {
    throw new UsageError(`${file} is no JSON: ${(cause as Error).message}`, { cause });
  }
}
