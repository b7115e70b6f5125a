/** Dates of header fields (RFC 5322 §3.3 and the obsolete forms of §4.3), read as leniently as the world writes them. */
import type { DateTime } from '../mime/message-index.ts';

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAY_NAMES = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTH_NAMES = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const HOURS: ReadonlyMap<string, number> = new Map([
  ['edt', -4],
  ['est', -5],
  ['cdt', -5],
  ['cst', -6],
  ['mdt', -6],
  ['mst', -7],
  ['pdt', -7],
  ['pst', -8],
]);

/** A date is short; whatever is longer than this once comments are gone is none. */
const MAX_LENGTH = 200;

/** The usual form, tried first since nearly all mail has it. */
const USUAL =
  /^(?:[A-Za-z]{3}, )? ?(\d{1,2}) ([A-Za-z]{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) ([+-]\d{4})(?: \([^()]*\))?$/;

/** `undefined` when no date can be read out of the text. Never throws. */
export function parseDate(text: string): DateTime | undefined {
  if (text.length <= MAX_LENGTH) {
    const usual = USUAL.exec(text);
    if (usual !== null) {
      const [, day, month, year, hour, minute, second, zone] = usual;
      return assemble({
        day: Number(day),
        month: MONTHS.indexOf((month ?? '').toLowerCase()),
        year: Number(year),
        hour: Number(hour),
        minute: Number(minute),
        second: Number(second),
        zone: numericZone(zone ?? ''),
      });
    }
  }
  const plain = withoutComments(text).trim();
  if (plain.length > MAX_LENGTH) return undefined;
  return parseIso(plain) ?? parseTokens(plain);
}

interface Parts {
  day: number;
  month: number;
  year: number;
  hour: number;
  minute: number;
  second: number;
  /** Minutes east. */
  zone: number;
}

/** Comments (RFC 5322 §3.2.2) may stand anywhere and nest; one pass, no recursion. */
function withoutComments(text: string): string {
  if (!text.includes('(')) return text;
  let out = '';
  let depth = 0;
  for (let i = 0; i < text.length && out.length <= MAX_LENGTH; i += 1) {
    const c = text.charAt(i);
    if (c === '\\' && depth > 0) i += 1;
    else if (c === '(') depth += 1;
    else if (c === ')' && depth > 0) depth -= 1;
    else if (depth === 0) out += c;
  }
  return out;
}

const ISO = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?\s*(Z|[+-]\d\d:?\d\d)?$/i;

function parseIso(text: string): DateTime | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, zone] = match;
  return assemble({
    day: Number(day),
    month: Number(month) - 1,
    year: Number(year),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second ?? 0),
    zone: zone === undefined || /^z$/i.test(zone) ? 0 : numericZone(zone.replace(':', '')),
  });
}

/** Words in any order: RFC 5322, RFC 850 (`Sunday, 06-Nov-94 …`), asctime (`Sun Nov  6 08:49:37 1994`). */
function parseTokens(text: string): DateTime | undefined {
  const found: Partial<Parts> = {};
  let afternoon: boolean | undefined;
  for (const token of text
    .replace(/(\d)-([A-Za-z]{3,9})-(\d)/, '$1 $2 $3')
    .replace(/\s*:\s*/g, ':')
    .split(/[\s,]+/)) {
    if (/^[ap]\.?m\.?$/i.test(token)) afternoon = /^p/i.test(token);
    else readToken(token, found);
  }
  const { day, month, year, hour } = found;
  if (day === undefined || month === undefined || year === undefined) return undefined;
  const clock = hour ?? 0;
  const shift = afternoon === undefined ? clock : (clock % 12) + (afternoon ? 12 : 0);
  return assemble({
    day,
    month,
    year: fullYear(year),
    hour: shift,
    minute: found.minute ?? 0,
    second: found.second ?? 0,
    zone: found.zone ?? 0,
  });
}

function readToken(token: string, found: Partial<Parts>): void {
  const time = /^(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2})(?:\.\d+)?)?(.*)$/.exec(token);
  if (time !== null && found.hour === undefined) {
    found.hour = Number(time[1]);
    found.minute = Number(time[2]);
    found.second = Number(time[3] ?? 0);
    if (time[4] !== '') readToken(time[4] ?? '', found);
  } else if (/^\d{1,4}$/.test(token)) {
    // The first number up to 31 is the day; the other is the year, unless it stood first with four digits.
    if (found.day === undefined && token.length <= 2) found.day = Number(token);
    else found.year ??= yearDigits(token);
  } else if (/^(?:gmt|utc?)?[+-]\d{1,2}:?\d{2}$/i.test(token)) {
    found.zone ??= numericZone(token.replace(/^[a-z]*/i, '').replace(':', ''));
  } else if (/^[a-z]/i.test(token)) {
    readWord(token.toLowerCase(), found);
  }
}

function readWord(word: string, found: Partial<Parts>): void {
  const month = MONTHS.indexOf(word.slice(0, 3));
  if (month >= 0 && found.month === undefined) found.month = month;
  // RFC 5322 §4.3: military zones and unknown names are worth no more than -0000.
  else if (found.hour !== undefined) found.zone ??= (HOURS.get(word) ?? 0) * 60;
}

/** Tells two digits from four: RFC 5322 §4.3 gives both a meaning. */
const yearDigits = (token: string): number => (token.length === 4 ? Number(token) : -Number(token) - 1);

function fullYear(digits: number): number {
  if (digits >= 0) return digits;
  const short = -digits - 1;
  // RFC 5322 §4.3: 00 to 49 are of this century, 50 to 999 count from 1900.
  return short < 50 ? 2000 + short : 1900 + short;
}

/** Minutes east of `+hhmm`; nonsense is worth 0. */
function numericZone(zone: string): number {
  // `-600` is common enough for `-0600`.
  const text = zone.length === 4 ? `${zone.charAt(0)}0${zone.slice(1)}` : zone;
  const minutes = Number(text.slice(3, 5));
  if (minutes > 59) return 0;
  const east = Number(text.slice(1, 3)) * 60 + minutes;
  return text.startsWith('-') ? 0 - east : east;
}

function assemble(p: Parts): DateTime | undefined {
  if (p.month < 0 || p.month > 11 || p.day < 1 || p.hour > 23 || p.minute > 59 || p.second > 60) return undefined;
  if (p.year < 1000 || p.year > 9999 || p.day > daysIn(p.year, p.month)) return undefined;
  const local = Date.UTC(p.year, p.month, p.day, p.hour, p.minute, p.second);
  return { time: local - p.zone * 60_000, zone: p.zone };
}

const daysIn = (year: number, month: number): number => new Date(Date.UTC(year, month + 1, 0)).getUTCDate();

const two = (value: number): string => (value < 10 ? `0${value}` : String(value));

/** The last one that was written: what arrives in a second says the same. */
let latest = { second: Number.NaN, zone: 0, text: '' };

/** RFC 5322 §3.3, e.g. `Mon, 23 Nov 2026 11:15:01 +0100`. Milliseconds are dropped. */
export function formatDate(date: DateTime): string {
  const second = Math.floor(date.time / 1_000);
  if (second !== latest.second || date.zone !== latest.zone)
    latest = { second, zone: date.zone, text: writeDate(second * 1_000, date.zone) };
  return latest.text;
}

function writeDate(ms: number, zone: number): string {
  const local = new Date(ms + zone * 60_000);
  const day = `${DAY_NAMES[local.getUTCDay()]}, ${local.getUTCDate()} ${MONTH_NAMES[local.getUTCMonth()]}`;
  const year = String(local.getUTCFullYear()).padStart(4, '0');
  const time = `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())}`;
  return `${day} ${year} ${time} ${formatZone(zone)}`;
}

/** `+0100`. */
export function formatZone(zone: number): string {
  const size = Math.abs(zone);
  return `${zone < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${two(size % 60)}`;
}
