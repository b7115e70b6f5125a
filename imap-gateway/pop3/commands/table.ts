/** Every command that we know; CAPA's list follows from it. */
import type { Command } from '../command.ts';
import { auth } from './auth.ts';
import { capa } from './capa.ts';
import { dele } from './dele.ts';
import { lang } from './lang.ts';
import { list } from './list.ts';
import { noop } from './noop.ts';
import { pass } from './pass.ts';
import { quit } from './quit.ts';
import { retr } from './retr.ts';
import { rset } from './rset.ts';
import { stat } from './stat.ts';
import { stls } from './stls.ts';
import { top } from './top.ts';
import { uidl } from './uidl.ts';
import { user } from './user.ts';
import { utf8 } from './utf8.ts';

const commands: readonly Command[] = [
  capa,
  stls,
  utf8,
  lang,
  user,
  pass,
  auth,
  stat,
  list,
  uidl,
  retr,
  top,
  dele,
  noop,
  rset,
  quit,
];

export const commandTable: ReadonlyMap<string, Command> = new Map(commands.map((command) => [command.name, command]));
