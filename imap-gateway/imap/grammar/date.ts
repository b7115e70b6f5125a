/** Dates of RFC 9051 §9: `1-Jan-2026` in SEARCH, `" 1-Jan-2026 08:00:00 +0100"` in APPEND and INTERNALDATE. */
import type { DateTime } from '#mail/mime/message-index.ts';
import { type Cursor, DQUOTE, SP } from './cursor.ts';

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'] as const;
const NAMES = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;
const HYPHEN = 0x2d;
const COLON = 0x3a;
const PLUS = 0x2b;

/** `YYYY-MM-DD`, as the store's queries have it. The day has one or two digits; quotes are optional. */
export function parseDate(cursor: Cursor): string {
  const quoted = cursor.try(DQUOTE);
  const first = cursor.digits(1);
  const day = cursor.peek() === HYPHEN ? first : first * 10 + cursor.digits(1);
  const { year, month } = parseMonthAndYear(cursor, day);
  if (quoted) cursor.expect(DQUOTE);
  return formatDay(year, month, day);
}

export function formatDate(day: string): string {
  const [year, month, date] = day.split('-');
  return `${Number(date)}-${NAMES[Number(month) - 1]}-${year}`;
}

/** date-time: day padded with a space, or two digits. */
export function parseDateTime(cursor: Cursor): DateTime {
  cursor.expect(DQUOTE);
  const day = cursor.try(SP) ? cursor.digits(1) : cursor.digits(2);
  const { year, month } = parseMonthAndYear(cursor, day);
  cursor.sp();
  const hours = cursor.digits(2);
  cursor.expect(COLON);
  const minutes = cursor.digits(2);
  cursor.expect(COLON);
  const seconds = cursor.digits(2);
  cursor.sp();
  const west = !cursor.try(PLUS);
  if (west) cursor.expect(HYPHEN);
  const zoneHours = cursor.digits(2);
  const zoneMinutes = cursor.digits(2);
  // 60: a leap second, as RFC 5322 §3.3 has it.
  if (hours > 23 || minutes > 59 || seconds > 60 || zoneHours > 23 || zoneMinutes > 59) cursor.fail('no such time');
  cursor.expect(DQUOTE);
  const zone = (west ? -1 : 1) * (zoneHours * 60 + zoneMinutes);
  const utc = utcOf(year, month, day) + (hours * 3600 + minutes * 60 + seconds) * 1000;
  return { time: utc - zone * 60_000, zone: zone === 0 ? 0 : zone };
}

/** With its quotes, in the zone that it was given in. */
export function formatDateTime(value: DateTime): string {
  const local = new Date(value.time + value.zone * 60_000);
  const day = String(local.getUTCDate()).padStart(2, ' ');
  const year = String(local.getUTCFullYear()).padStart(4, '0');
  const time = [local.getUTCHours(), local.getUTCMinutes(), local.getUTCSeconds()].map(two).join(':');
  const zone = Math.abs(value.zone);
  const offset = `${value.zone < 0 ? '-' : '+'}${two(Math.floor(zone / 60))}${two(zone % 60)}`;
  return `"${day}-${NAMES[local.getUTCMonth()]}-${year} ${time} ${offset}"`;
}

function parseMonthAndYear(cursor: Cursor, day: number): { year: number; month: number } {
  cursor.expect(HYPHEN);
  const month = MONTHS.findIndex((name) => cursor.tryText(name));
  if (month < 0) cursor.fail('expected a month');
  cursor.expect(HYPHEN);
  const year = cursor.digits(4);
  const date = new Date(utcOf(year, month, day));
  if (day < 1 || date.getUTCMonth() !== month) cursor.fail('no such day');
  return { year, month };
}

/** `Date.UTC` takes years below 100 for 1900 and on. */
function utcOf(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month, day);
}

const two = (value: number): string => String(value).padStart(2, '0');
const formatDay = (year: number, month: number, day: number): string =>
  `${String(year).padStart(4, '0')}-${two(month + 1)}-${two(day)}`;
