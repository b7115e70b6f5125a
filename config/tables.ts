/** Kinds whose values are tables: workers by program, routes by domain. */
import type { Config, ProgramName } from './config.ts';
import { integer, isDomainName, type Kind, route, type Surroundings, show } from './kinds.ts';
import { ValueError } from './problem.ts';

export const PROGRAMS: readonly ProgramName[] = ['mta', 'mda', 'imap-gateway'];

const count = integer(1, 64);
const EXPECTED_WORKERS = 'a whole number from 1 to 64, "auto", or a table of them with the keys mta, mda, imap-gateway';

function workerCount(value: unknown, around: Surroundings): number {
  if (value === undefined) return 1;
  if (value === 'auto') return Math.min(64, Math.max(1, around.cores));
  return count.parse(value, around);
}

export const workers: Kind<Config['workers']> = {
  expected: EXPECTED_WORKERS,
  parse(value, around) {
    if (!isTable(value)) {
      if (typeof value !== 'number' && value !== 'auto') throw new ValueError(show(value), EXPECTED_WORKERS);
      const all = workerCount(value, around);
      return { mta: all, mda: all, 'imap-gateway': all };
    }
    const unknown = Object.keys(value).find((name) => !PROGRAMS.some((program) => program === name));
    if (unknown !== undefined) throw new ValueError(`the key ${unknown}`, EXPECTED_WORKERS);
    return {
      mta: workerCount(value.mta, around),
      mda: workerCount(value.mda, around),
      'imap-gateway': workerCount(value['imap-gateway'], around),
    };
  },
  format: (value) => `{ ${PROGRAMS.map((program) => `${program} = ${value[program]}`).join(', ')} }`,
};

export const routes: Kind<Config['routes']> = {
  expected: `a table of domains, each ${route.expected}`,
  parse(value, around) {
    if (!isTable(value)) throw new ValueError(show(value), routes.expected);
    const parsed: [string, Config['routes'][string]][] = [];
    for (const [domain, target] of Object.entries(value)) {
      if (!isDomainName(domain)) throw new ValueError(show(domain), 'a domain name');
      parsed.push([domain.toLowerCase(), route.parse(target, around)]);
    }
    return Object.fromEntries(parsed);
  },
  format: (value) =>
    `{ ${Object.entries(value)
      .map(([domain, target]) => `${JSON.stringify(domain)} = ${route.format(target)}`)
      .join(', ')} }`,
};

export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
