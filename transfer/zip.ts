/** A zip file as a stream, made while it is read: one entry is on its way at a time. Above 4 GB or 65,535 entries it is a Zip64. */
import { PassThrough, Readable } from 'node:stream';
import { ZipFile } from 'yazl';

export interface ZipEntry {
  /** Its path, levels separated by `/`. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** Mail is mostly text or base64: more effort gains little. */
const LEVEL = 3;

export async function* zipOf(entries: AsyncIterable<ZipEntry>): AsyncGenerator<Uint8Array> {
  const zip = new ZipFile();
  const out = new PassThrough();
  zip.outputStream.on('error', (error) => out.destroy(error));
  zip.outputStream.pipe(out);
  let gone = false;
  const fill = async (): Promise<void> => {
    for await (const entry of entries) {
      if (gone) return;
      await add(zip, entry, out);
    }
    zip.end();
  };
  const filled = fill().catch((error: unknown) =>
    out.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  try {
    for await (const chunk of out as AsyncIterable<Buffer>) yield chunk;
    await filled;
  } finally {
    gone = true;
    out.destroy();
  }
}

/** Resolves when the entry's octets have been read, and at once when nobody reads the zip any more. */
function add(zip: ZipFile, { name, time, content }: ZipEntry, out: PassThrough): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const source = Readable.from(content, { objectMode: false, highWaterMark: 65_536 });
  const stop = (): void => {
    source.destroy();
    resolve();
  };
  out.once('close', stop);
  source.once('error', reject);
  source.once('end', resolve);
  zip.addReadStream(source, name, { mtime: new Date(time), compressionLevel: LEVEL, mode: 0o100644 });
  return promise.finally(() => out.off('close', stop));
}
