/** Messages of many shapes for the trials, the same in every run; each has its own Message-ID. */
import type { NewMessage } from './mailbox.ts';

const FLAGS = ['\\Seen', '\\Flagged', '\\Answered', '\\Draft'] as const;
const START = Date.UTC(2004, 1, 29, 23, 59, 58);
const HOUR = 3_600_000;

/** @param group names the series: two groups share no Message-ID. */
export function trialMessages(group: string, count: number): NewMessage[] {
  return Array.from({ length: count }, (_, i) => ({
    raw: trialMessage(group, i),
    flags: FLAGS.filter((_, bit) => ((i * 7) >> bit) & 1),
    date: new Date(START + i * 13 * HOUR + i * 1000),
  }));
}

export const trialId = (group: string, i: number): string => `<${group}.${i}@trial.test>`;

function trialMessage(group: string, i: number): Buffer {
  const [extra, body] = SHAPES[i % SHAPES.length] as readonly [string, string];
  const head = [
    `From: =?utf-8?Q?J=C3=BCrgen?= ${i} <from${i % 17}@trial.test>`,
    'To: "Mia, the reader" <mia@alpha.test>,',
    ' other@trial.test',
    `Subject: trial ${group} ${i}`,
    `Date: ${new Date(START + i * HOUR).toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: ${trialId(group, i)}`,
    'MIME-Version: 1.0',
  ].join('\r\n');
  return Buffer.from(`${head}\r\n${extra}\r\n${body.replaceAll('\n', '\r\n').replaceAll('%', String(i))}`);
}

const MULTIPART = `--=_b
Content-Type: text/plain; charset=utf-8

first part %
--=_b
Content-Type: application/octet-stream; name="%.bin"
Content-Disposition: attachment; filename="%.bin"
Content-Transfer-Encoding: base64

${Buffer.alloc(900, 'peerpost').toString('base64').replace(/.{76}/g, '$&\n')}
--=_b--
`;

/** Headers to add, each with its CRLF, and a body with LF. `%` is the number. */
const SHAPES: readonly (readonly [string, string])[] = [
  ['', 'plain text %\n'],
  ['Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n', 'grüße aus % – 漢字\n'],
  ['Content-Type: multipart/mixed; boundary="=_b"\r\n', MULTIPART],
  ['', '.\n..\n.dots %\nFrom the start of a line\n>From quoted\n'],
  ['X-Empty:\r\n', ''],
  ['', `${'long line '.repeat(95)}%\n\n\n`],
  ['Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n', '<p>=E4 %</p>'],
];
