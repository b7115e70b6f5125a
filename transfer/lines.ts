/** Files on disks end their lines with LF; a message has CRLF (RFC 5322 §2.1). A CR that stands alone stays. */
export async function* withCrlf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let cr = false;
  for await (const chunk of source) {
    if (chunk.length === 0) continue;
    const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
    const fixed = text.replace(/(?<!\r)\n/g, '\r\n');
    const whole = cr && fixed.startsWith('\r\n') && !text.startsWith('\r') ? fixed.slice(1) : fixed;
    cr = text.endsWith('\r');
    yield Buffer.from(whole, 'latin1');
  }
}
