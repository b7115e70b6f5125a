/** Who writes and who is written to: as people give it, and as headers and envelopes want it. Pure. */
import { AddressSyntaxError, formatAddress, parseAddress } from '#mail/address.ts';
import type { Address } from '#mail/envelope.ts';
import { parseAddressList } from '#mail/header/address-list.ts';
import { HttpProblem, type InputError } from '../problems.ts';
import type { CorrespondentInput } from './schemas.ts';

export interface Correspondent {
  readonly name: string;
  readonly address: Address;
}

/** @throws HttpProblem 400 that names the first which is none. @param path of the list in the body: `/body/to`. */
export function correspondents(given: readonly CorrespondentInput[] | undefined, path: string): Correspondent[] {
  return (given ?? []).map((one, i) => correspondent(one, `${path}/${i}`));
}

export function correspondent(given: CorrespondentInput, path: string): Correspondent {
  if (typeof given !== 'string') return { name: oneLine(given.name ?? ''), address: address(given.email, path) };
  if (!given.includes('<')) return { name: '', address: address(given.trim(), path) };
  const { items } = parseAddressList(given);
  const [only] = items;
  if (items.length !== 1 || only?.kind !== 'mailbox') throw notAnAddress(path);
  return { name: oneLine(only.name ?? ''), address: address(`${quoted(only.local)}@${only.domain}`, path) };
}

/** An address that came from a header, if mail can be sent there. */
export function readAddress(text: string): Address | undefined {
  try {
    return parseAddress(text);
  } catch (error) {
    if (error instanceof AddressSyntaxError) return undefined;
    throw error;
  }
}

function address(text: string, path: string): Address {
  const found = readAddress(text);
  if (found === undefined || found.domain === '') throw notAnAddress(path);
  return found;
}

const quoted = (local: string): string => formatAddress({ localPart: local, domain: 'x' }).slice(0, -2);

/** No name may end a field. */
const oneLine = (text: string): string => text.replace(/[\0-\x1f\x7f]+/g, ' ').trim();

function notAnAddress(path: string): HttpProblem {
  return badInput({ path, message: 'is no address that mail can be sent to' });
}

export function badInput(...errors: InputError[]): HttpProblem {
  const [first] = errors;
  return new HttpProblem('bad-request', `${first?.path} ${first?.message}`, { errors });
}

/** One recipient for each address, in order. RFC 5321 §2.4: only its own host knows whether the case of a local part matters. */
export function uniqueAddresses(all: readonly Correspondent[]): Address[] {
  const found = new Map(all.map(({ address }) => [formatAddress(address), address]));
  return [...found.values()];
}
