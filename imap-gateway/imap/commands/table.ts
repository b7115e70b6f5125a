/** Every command that we serve: a new one is its own file and a line here. */
import type { Command } from '../command.ts';
import { append } from './append.ts';
import { authenticate } from './authenticate.ts';
import { capability } from './capability.ts';
import { check } from './check.ts';
import { close } from './close.ts';
import { copy } from './copy.ts';
import { create } from './create.ts';
import { deleteMailbox } from './delete.ts';
import { enable } from './enable.ts';
import { expunge } from './expunge.ts';
import { fetch } from './fetch.ts';
import { id } from './id.ts';
import { idle } from './idle.ts';
import { list } from './list.ts';
import { login } from './login.ts';
import { logout } from './logout.ts';
import { lsub } from './lsub.ts';
import { move } from './move.ts';
import { namespace } from './namespace.ts';
import { noop } from './noop.ts';
import { getquota, getquotaroot } from './quota.ts';
import { rename } from './rename.ts';
import { search } from './search.ts';
import { examine, select } from './select.ts';
import { starttls } from './starttls.ts';
import { status } from './status.ts';
import { store } from './store.ts';
import { subscribe, unsubscribe } from './subscribe.ts';
import { unselect } from './unselect.ts';

const commands: readonly Command[] = [
  capability,
  noop,
  logout,
  id,
  starttls,
  authenticate,
  login,
  enable,
  namespace,
  list,
  lsub,
  status,
  create,
  deleteMailbox,
  rename,
  subscribe,
  unsubscribe,
  getquota,
  getquotaroot,
  select,
  examine,
  idle,
  check,
  close,
  unselect,
  append,
  fetch,
  store,
  search,
  copy,
  move,
  expunge,
];

export const commandTable: ReadonlyMap<string, Command> = new Map(commands.map((command) => [command.name, command]));
