/** Standard input as text, whole; bounded, since it holds passwords or a list of accounts. */
import { UsageError } from './output.ts';

const LIMIT = 64 * 1024 * 1024;

export async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LIMIT) throw new UsageError('standard input has more than 64 MB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
