/** What an account answers by itself while its owner is away. */
import type { Autoreply } from '#store/account-rules.ts';
import { accountNamed } from './accounts.ts';
import { type Actor, type AdminRooms, timestamp } from './rooms.ts';

/** Days between two answers to the same correspondent where nobody says otherwise (RFC 3834 §2). */
const DAYS = 7;

export interface AutoreplyItem {
  readonly enabled: boolean;
  readonly subject?: string;
  readonly text: string;
  readonly html?: string;
  readonly from?: string;
  readonly until?: string;
  readonly days: number;
}

type Rooms = Pick<AdminRooms, 'directory'>;

/** Where none was set: one that is off. */
function describeAutoreply(autoreply: Autoreply = { enabled: false, text: '' }): AutoreplyItem {
  const { enabled, subject, text, html, from, until, days = DAYS } = autoreply;
  return {
    enabled,
    ...(subject !== undefined && { subject }),
    text,
    ...(html !== undefined && { html }),
    ...(from !== undefined && { from: timestamp(from) }),
    ...(until !== undefined && { until: timestamp(until) }),
    days,
  };
}

export async function showAutoreply(rooms: Rooms, address: string): Promise<AutoreplyItem> {
  const { id } = await accountNamed(rooms, address);
  return describeAutoreply((await rooms.directory.account(id))?.autoreply);
}

/** @param args.autoreply absent: none any more. */
export async function setAutoreply(
  rooms: Rooms,
  args: { readonly address: string; readonly autoreply?: Autoreply },
  by: Actor,
): Promise<AutoreplyItem> {
  const { address, autoreply } = args;
  const { id } = await accountNamed(rooms, address);
  await rooms.directory.change({ type: 'set-autoreply', id, ...(autoreply && { autoreply }) }, by);
  return describeAutoreply(autoreply);
}
