/** Values that people type, as commands read them. */
import { parseDuration, parseSize } from '#config/units.ts';
import { UsageError } from './output.ts';

/** `5GB`, or octets; null for `none`. */
export function readSize(text: string): number | null {
  if (text === 'none') return null;
  const octets = /^\d+$/.test(text) ? Number(text) : parseSize(text);
  if (octets === undefined || octets === 0 || !Number.isSafeInteger(octets))
    throw new UsageError(`"${text}" is no size: write 500MB, 5GB, a number of octets, or none`);
  return octets;
}

/** A day (`2027-01-31`, until its first moment in UTC), a time (RFC 3339), or how long from now (`90d`, `12h`). Milliseconds. */
export function readExpiry(text: string, now: number): number {
  const span = parseDuration(text);
  const at = span === undefined && /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : now + (span ?? Number.NaN);
  if (!Number.isFinite(at))
    throw new UsageError(`"${text}" is no expiry: write 90d, 12h, 2027-01-31 or 2027-01-31T12:00:00Z`);
  if (at <= now) throw new UsageError(`"${text}" is not in the future`);
  return at;
}

/** A day, a time, or how long ago (`2h`, `3d`). Milliseconds. */
export function readPast(text: string, now: number): number {
  const span = parseDuration(text);
  const at = span === undefined && /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : now - (span ?? Number.NaN);
  if (!Number.isFinite(at))
    throw new UsageError(`"${text}" is no time: write 3d, 2h, 2027-01-31 or 2027-01-31T12:00:00Z`);
  return at;
}

/** Of options that may be given several times, or with commas. */
export function readChoices<T extends string>(what: string, given: unknown, known: readonly T[]): readonly T[] {
  const texts = (Array.isArray(given) ? given : [])
    .flatMap((text) => String(text).split(','))
    .map((text) => text.trim());
  const wrong = texts.find((text) => !known.includes(text as T));
  if (wrong !== undefined) throw new UsageError(`there is no ${what} "${wrong}"; there are ${known.join(', ')}`);
  return texts as T[];
}

/** 1 to 10,000. */
export function readLimit(given: unknown): number {
  const limit = Number(given);
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000)
    throw new UsageError(`"${String(given)}" is no limit: a whole number from 1 to 10000`);
  return limit;
}
