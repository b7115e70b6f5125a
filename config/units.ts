/** Durations and sizes as people write them: `"1h30m"` is milliseconds, `"25MB"` octets. */

const DURATION_UNITS = [
  ['w', 604_800_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

/** KB, MB, GB and TB are powers of 1,024, as everywhere where mail is measured. */
const SIZE_UNITS = [
  ['TB', 1024 ** 4],
  ['GB', 1024 ** 3],
  ['MB', 1024 ** 2],
  ['KB', 1024],
  ['B', 1],
] as const;

/** Milliseconds, or `undefined` when it is no duration: whole numbers, each with its unit (w d h m s ms), largest first. */
export function parseDuration(text: string): number | undefined {
  const match = /^(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text);
  if (match === null || text === '') return undefined;
  const total = DURATION_UNITS.reduce((sum, [, unit], index) => sum + Number(match[index + 1] ?? 0) * unit, 0);
  return Number.isSafeInteger(total) ? total : undefined;
}

export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  let rest = milliseconds;
  let text = '';
  for (const [unit, size] of DURATION_UNITS) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}

/** Octets, or `undefined` when it is no size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+) ?([KMGT]?)i?B?$/i.exec(text);
  if (match === null) return undefined;
  const unit = SIZE_UNITS.find(([name]) => name === `${(match[2] ?? '').toUpperCase()}B`);
  const total = Number(match[1]) * (unit?.[1] ?? 1);
  return Number.isSafeInteger(total) ? total : undefined;
}

export function formatSize(octets: number): string {
  for (const [unit, size] of SIZE_UNITS) {
    if (octets >= size && octets % size === 0) return `${octets / size}${unit}`;
  }
  return '0B';
}
