/** Numbers and times as people read them, and sizes as they write them. */

const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB'];

/**
 * @param {number} octets
 * @returns {string} such as `1.4 GB`; of 1024 each, as in the configuration
 */
export function size(octets) {
  let unit = 0;
  let value = octets;
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 99.5 ? 0 : 1;
  return `${new Intl.NumberFormat('en', { maximumFractionDigits: digits }).format(value)} ${UNITS[unit]}`;
}

/**
 * @param {string} text such as `500 MB` or `2.5g`; without a unit gigabytes are meant
 * @returns {number | undefined} octets; undefined for what is no size above 0
 */
export function readSize(text) {
  const [, number, unit = 'g'] = /^(\d+(?:[.,]\d+)?)\s*([kmgt])?b?$/i.exec(text.trim()) ?? [];
  if (number === undefined) return undefined;
  const power = 'kmgt'.indexOf(unit.toLowerCase()) + 1;
  const octets = Math.round(Number(number.replace(',', '.')) * 1024 ** power);
  return octets > 0 && Number.isSafeInteger(octets) ? octets : undefined;
}

/**
 * @param {number} count
 * @param {string} one `message`
 * @param {string} [many] `messages`
 */
export function counted(count, one, many = `${one}s`) {
  return `${new Intl.NumberFormat('en').format(count)} ${count === 1 ? one : many}`;
}

/** @type {readonly (readonly [unit: Intl.RelativeTimeFormatUnit, seconds: number])[]} */
const SPANS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/**
 * @param {string} time RFC 3339
 * @param {number} [now] milliseconds since 1970
 * @returns {string} `5 minutes ago`, `in 2 hours`; a date when it is further away than a week
 */
export function ago(time, now = Date.now()) {
  const seconds = (Date.parse(time) - now) / 1000;
  if (Math.abs(seconds) < 45) return seconds > 0 ? 'in a moment' : 'just now';
  if (Math.abs(seconds) > 7 * 86_400) return date(time);
  const [unit, length] =
    SPANS.find(([, length]) => Math.abs(seconds) >= length) ?? /** @type {const} */ (['minute', 60]);
  return new Intl.RelativeTimeFormat('en', { numeric: 'auto' }).format(
    Math.round(seconds / length) || Math.sign(seconds),
    unit,
  );
}

/** @param {string} time RFC 3339 */
export function date(time) {
  return new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric' }).format(new Date(time));
}

/** @param {string} time RFC 3339; with the time of day */
export function moment(time) {
  const options = /** @type {const} */ ({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
  return new Intl.DateTimeFormat('en-GB', options).format(new Date(time));
}

/**
 * Addresses as people list them: by lines, commas or blanks.
 * @param {string} text
 */
export function addresses(text) {
  return text.split(/[\s,;]+/).filter((address) => address !== '');
}

/**
 * What the audit log knows besides, in one line.
 * @param {object} detail
 */
export function inLine(detail) {
  return Object.entries(detail)
    .map(([name, value]) => `${name}: ${plain(value)}`)
    .join('; ');
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function plain(value) {
  if (Array.isArray(value)) return value.length === 0 ? '–' : value.map(plain).join(', ');
  if (value === null) return 'none';
  if (typeof value === 'object') return inLine(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Enough to tell a slip of the pen; whether it is an address is for the server to say. @param {string} text */
export const looksLikeAddress = (text) => /^[^\s@]+@[^\s@]+$/.test(text);
