/** Messages that cost a careless reader far more than they weigh. */

const LINE = 900;

/** Multiparts within multiparts. */
export function nested(depth: number): Buffer {
  const head = (n: number): string => `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n`;
  return Buffer.from(`Subject: nested\r\n${Array.from({ length: depth }, (_, n) => head(n)).join('')}\r\nhello\r\n`);
}

/** Empty parts side by side (maildev#531). */
export function partBomb(parts: number, boundary = 'b'): Buffer {
  return Buffer.from(
    `Subject: parts\r\nContent-Type: multipart/mixed;\r\n boundary=${boundary}\r\n\r\n${`--${boundary}\r\n\r\n\r\n`.repeat(parts)}--${boundary}--\r\n`,
  );
}

/** `between` stands before each address: `g:` opens a group within a group (CVE-2025-14874). */
export function addressBomb(addresses: number, between = ''): Buffer {
  const one = `${between}a@b.test,`;
  const line = one.repeat(Math.floor(LINE / one.length));
  const lines = Math.ceil(addresses / Math.floor(LINE / one.length));
  return Buffer.from(
    `Subject: addresses\r\nTo: x@y.test,\r\n${` ${line}\r\n`.repeat(lines)} z@y.test\r\n\r\nhello\r\n`,
  );
}

export function encodedWordBomb(words: number): Buffer {
  const line = ' =?utf-8?B?w6Q=?= =?x?Q?=?=';
  return Buffer.from(`Subject: words\r\n${`${line.repeat(30)}\r\n`.repeat(Math.ceil(words / 60))}\r\nhello\r\n`);
}

export function parameterBomb(parameters: number): Buffer {
  const lines = Array.from({ length: parameters }, (_, n) => ` ;name*${n}*=utf-8''x\r\n`).join('');
  return Buffer.from(`Subject: parameters\r\nContent-Type: text/plain\r\n${lines}\r\nhello\r\n`);
}

/** Short fields without end. */
export function fieldBomb(fields: number): Buffer {
  return Buffer.from(`Subject: fields\r\n${'X-Bomb: boom and boom\r\n'.repeat(fields)}\r\nhello\r\n`);
}

export function dots(lines: number): Buffer {
  return Buffer.from(`Subject: dots\r\n\r\n${'..\r\n'.repeat(lines)}`);
}
