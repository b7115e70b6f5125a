/**
 * Mail for the IMAP bench: as many different messages as are asked for, the same at every run. A third are the corpus with fresh
 * envelopes, the rest has the shapes of what lies in real mailboxes: letters, lists, newsletters, calendars, reports, attachments.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const CORPUS = join(import.meta.dirname, '../../fixture/corpus');
/** Larger ones would make up half of the mailbox. */
const LARGEST = 60_000;
const VARIANTS = 1_500;

/** Stands in the text of every 500th message of the generated ones. */
export const RARE_WORD = 'quokka';
/** Wrote every 250th message. */
export const RARE_SENDER = 'zebulon';

export type Generate = (n: number) => Buffer;

/** As a reader leaves them: most are seen, some answered or flagged, here and there a keyword. */
export function flagsOf(n: number): readonly string[] {
  const k = (n * 2_654_435_761) % 100;
  if (k < 25) return [];
  if (k < 85) return ['\\Seen'];
  if (k < 95) return ['\\Seen', '\\Answered'];
  return k < 98 ? ['\\Seen', '$Forwarded'] : ['\\Flagged'];
}

/** @param seed another one, other mail. */
export function messageGenerator(seed = 1): Generate {
  const bodies = [...generatedBodies(seed), ...corpusBodies(VARIANTS / 2)];
  return (n) => Buffer.concat([Buffer.from(freshHeader(n, seed)), bodies[(n * 7919) % bodies.length]!]);
}

/** Deterministic, a few nanoseconds a number (mulberry32). */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const NAMES =
  'Alice Bob Carol Dave Erin Frank Grace Heidi Ivan Judy Mallory Niaj Olivia Peggy Rupert Sybil Trent'.split(' ');
const DOMAINS = ['alpha.test', 'beta.test', 'lists.gamma.test', 'news.delta.test', 'mail.epsilon.test'];
const WORDS =
  `about above account after again agenda answer apply arrive attach balance because before begin between board
  bottom branch bring budget build business call carry center change charge check choose clear client close common company
  complete consider contact contract copy course cover create current customer daily date decide deliver depend design detail
  develop different direct document draft early effect email enough estimate event every example expect explain family feel
  final finish follow forward friend garden general great group happen hello history house however idea important include
  increase information inside interest invoice issue journey kind known language large later learn leave letter level light
  list listen local machine maintain manage market matter measure meeting member message minute money month morning move name
  nature never night north notice number offer office often order other paper part people perhaps person picture place plan
  point possible present price print private probably problem process produce project promise proposal protect provide public
  question quick quite raise reach ready reason receive record reduce regard release remain remember reply report require
  response result return review right room sample school second seem send serve service share short should simple since small
  something special start state still story street strong subject suggest support sure system table talk team thank thing
  think though thought through today together tomorrow toward travel under until update usually value various version visit
  water week welcome where whether while without wonder word work world would write yesterday`.split(/\s+/);

/** The fields that differ from message to message, as relays and senders write them. */
function freshHeader(n: number, seed: number): string {
  const random = randomOf(seed * 1_000_003 + n);
  const date = new Date(Date.UTC(2024, 0, 1) + n * 61_000).toUTCString().replace('GMT', '+0000');
  const name = n % 250 === 0 ? 'Zebulon Rare' : `${NAMES[random(NAMES.length)]} ${NAMES[random(NAMES.length)]}`;
  const local = n % 250 === 0 ? RARE_SENDER : name.toLowerCase().replace(' ', '.');
  const domain = DOMAINS[random(DOMAINS.length)]!;
  const reply = n > 10 && random(3) === 0 ? n - 1 - random(10) : undefined;
  const subject = `${reply === undefined ? '' : 'Re: '}${sentence(random, 3 + random(6))} ${n}`;
  const encoded = random(6) === 0 ? `=?UTF-8?Q?Gr=C3=BC=C3=9Fe=2C?= ${subject}` : subject;
  const lines = [
    `Received: from mx${random(9)}.${domain} (mx.${domain} [192.0.2.${random(255)}])`,
    `\tby mx.example.test (Postfix) with ESMTPS id ${random(0x7fffffff).toString(36)}`,
    `\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))`,
    `\tfor <user@example.test>; ${date}`,
    `Received: by mx${random(9)}.${domain} with ESMTPSA id ${random(0x7fffffff).toString(36)}; ${date}`,
    `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=${domain}; s=mail; t=${n};`,
    '\th=from:to:subject:date:message-id; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;',
    `\tb=${base64Line(random)}`,
    `\t ${base64Line(random)}`,
    `From: ${name} <${local}@${domain}>`,
    `To: ${random(2) === 0 ? 'user@example.test' : '"User, The" <user@example.test>, team@example.test'}`,
    ...(random(4) === 0
      ? [`Cc: ${NAMES[random(NAMES.length)]} <cc${random(99)}@alpha.test>, list@lists.gamma.test`]
      : []),
    `Subject: ${encoded}`,
    `Date: ${date}`,
    `Message-ID: <${n}.${seed}.${random(0x7fffffff).toString(36)}@${domain}>`,
    ...(reply === undefined
      ? []
      : [`In-Reply-To: <${reply}.x@${domain}>`, `References: <${reply}.y@${domain}>`, `\t<${reply}.x@${domain}>`]),
  ];
  return `${lines.join('\r\n')}\r\n`;
}

function sentence(random: (below: number) => number, words: number): string {
  let out = '';
  for (let i = 0; i < words; i++) out += `${i === 0 ? '' : ' '}${WORDS[random(WORDS.length)]}`;
  return out;
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
function base64Line(random: (below: number) => number): string {
  let out = '';
  for (let i = 0; i < 76; i++) out += BASE64[random(64)];
  return out;
}

function text(random: (below: number) => number, octets: number, rare: boolean): string {
  let out = rare ? `The ${RARE_WORD} was here.\r\n` : '';
  while (out.length < octets) out += `${sentence(random, 8 + random(6))}.\r\n${random(5) === 0 ? '\r\n' : ''}`;
  return out;
}

/** What stands behind the fresh fields: the rest of the header, and the body. */
function generatedBodies(seed: number): Buffer[] {
  const random = randomOf(seed);
  return Array.from({ length: VARIANTS }, (_, n) => Buffer.from(shape(random, n, n % 500 === 0)));
}

type Random = (below: number) => number;

function shape(random: Random, n: number, rare: boolean): string {
  const kind = random(100);
  if (kind < 35) return plain(random, 400 + random(3_000), rare);
  if (kind < 55) return list(random, 800 + random(4_000), rare);
  if (kind < 85) return alternative(random, n, 1_000 + random(5_000), rare);
  if (kind < 90) return calendar(random, n);
  if (kind < 94) return report(random, n);
  return attachment(random, n, 8_000 + random(40_000), rare);
}

const PLAIN = 'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n';

const plain = (random: Random, octets: number, rare: boolean): string =>
  `MIME-Version: 1.0\r\n${PLAIN}User-Agent: Mail/${random(99)}.0\r\n\r\n${text(random, octets, rare)}`;

const list = (random: Random, octets: number, rare: boolean): string =>
  `MIME-Version: 1.0\r\n${PLAIN}List-Id: Discussion <dev.lists.gamma.test>\r\nList-Unsubscribe: <https://lists.gamma.test/u/${random(99_999)}>,\r\n\t<mailto:dev-leave@lists.gamma.test>\r\nList-Archive: <https://lists.gamma.test/dev>\r\nPrecedence: list\r\nX-Mailman-Version: 3.3\r\n\r\n${text(random, octets, rare).replaceAll(/^(a.*)$/gm, '> $1')}-- \r\ndev mailing list\r\n`;

function alternative(random: Random, n: number, octets: number, rare: boolean): string {
  const words = text(random, octets, rare);
  const html = words
    .split('\r\n')
    .map((line) => `<p style=3D"margin:0;font-family:Arial,sans-serif">${line}</p>`)
    .join('\r\n');
  const b = `=_alt_${n}`;
  return `MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n\tboundary="${b}"\r\nX-Mailer: Newsletter ${random(9)}\r\n\r\n--${b}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${words}\r\n--${b}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<html><body>\r\n${html}\r\n</body></html>\r\n--${b}--\r\n`;
}

function calendar(random: Random, n: number): string {
  const b = `=_cal_${n}`;
  return `MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="${b}"\r\n\r\n--${b}\r\n${PLAIN}\r\n${text(random, 500, false)}\r\n--${b}\r\nContent-Type: text/calendar; charset=utf-8; method=REQUEST\r\nContent-Disposition: attachment; filename=invite.ics\r\n\r\nBEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:${n}@alpha.test\r\nSUMMARY:${sentence(random, 5)}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n--${b}--\r\n`;
}

function report(random: Random, n: number): string {
  const b = `=_dsn_${n}`;
  return `MIME-Version: 1.0\r\nAuto-Submitted: auto-replied\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="${b}"\r\n\r\n--${b}\r\n${PLAIN}\r\n${text(random, 600, false)}\r\n--${b}\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.alpha.test\r\n\r\nFinal-Recipient: rfc822; nobody@beta.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--${b}\r\nContent-Type: message/rfc822\r\n\r\nFrom: a@alpha.test\r\nTo: nobody@beta.test\r\nSubject: ${sentence(random, 4)}\r\n\r\n${text(random, 500, false)}\r\n--${b}--\r\n`;
}

function attachment(random: Random, n: number, octets: number, rare: boolean): string {
  const b = `=_mix_${n}`;
  let data = '';
  while (data.length < octets) data += `${base64Line(random)}\r\n`;
  return `MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="${b}"\r\n\r\n--${b}\r\n${PLAIN}\r\n${text(random, 900, rare)}\r\n--${b}\r\nContent-Type: application/pdf; name="report ${n}.pdf"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="report ${n}.pdf"\r\n\r\n${data}--${b}--\r\n`;
}

/** Fields that the fresh header brings along. */
const REPLACED = /^(from|to|cc|subject|date|message-id|in-reply-to|references|return-path)\s*:/i;

/** The corpus with CRLF and without NUL, so that both servers hold the same octets. */
function corpusBodies(count: number): Buffer[] {
  const files = readdirSync(CORPUS, { recursive: true, encoding: 'utf8' })
    .map((name) => join(CORPUS, name))
    .filter((file) => /\.(eml|msg|txt)$/.test(file) && statSync(file).size < LARGEST)
    .sort();
  const rests = files.map((file) => withoutFields(readFileSync(file, 'latin1'))).filter((rest) => rest !== undefined);
  return Array.from({ length: count }, (_, n) => Buffer.from(rests[n % rests.length]!, 'latin1'));
}

/** `undefined` for what has no header to put ours before. */
function withoutFields(content: string): string | undefined {
  const lines = content.replaceAll('\0', '').split(/\r\n|\r|\n/);
  const empty = lines.indexOf('');
  if (empty < 1 || lines.slice(0, empty).some((line) => !/^([\x21-\x39\x3b-\x7e]+\s*:|\s)/.test(line)))
    return undefined;
  let dropping = false;
  const kept = lines.slice(0, empty).filter((line) => {
    if (!/^\s/.test(line)) dropping = REPLACED.test(line);
    return !dropping;
  });
  if (/^\s/.test(kept[0] ?? '')) return undefined;
  return [...kept, ...lines.slice(empty)].join('\r\n');
}
