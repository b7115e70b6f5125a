/** `peerpost account autoreply`. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { type AutoreplyItem, setAutoreply, showAutoreply } from '#admin/autoreply.ts';
import { parseDuration } from '#config/units.ts';
import { type Autoreply, MOST_AUTOREPLY_DAYS } from '#store/account-rules.ts';
import { type Act, type Options, withSystem } from '../act.ts';
import { UsageError } from '../output.ts';
import { CLI } from '../system.ts';

export function addAccountAutoreplyCommand(account: Command, act: Act): void {
  account
    .command('autoreply')
    .argument('<address>')
    .option('--text <text>', 'what is answered')
    .option('--file <file>', 'a file that has it (UTF-8)')
    .option('--html <file>', 'a file that has it as HTML too')
    .option('--subject <subject>', 'instead of "Auto: " and the subject of the message')
    .option('--from <when>', 'a day, a time, or how long from now')
    .option('--until <when>', 'likewise')
    .option('--days <days>', `a correspondent is answered once in so many days (1 to ${MOST_AUTOREPLY_DAYS}; 7)`)
    .option('--off', 'answer nobody any more')
    .description('what an account answers by itself while its owner is away')
    .addHelpText(
      'after',
      `
Without options it shows what is set. With a text all is set anew; without one, what is named changes.
Only people are answered who have written to an address of the account itself: no lists, no programs, no junk,
nobody twice, and 60 in an hour at most (RFC 3834, RFC 5230).

  peerpost account autoreply bob@example.org --text "Back in May." --until 2027-05-01
  peerpost account autoreply bob@example.org --off`,
    )
    .action(
      act((output, options, address: string) =>
        withSystem(options, async (system) => {
          const given = await readOptions(options);
          if (options.off && Object.keys(given).length > 0) throw new UsageError('give settings or --off, not both');
          let shown: AutoreplyItem;
          if (options.off) shown = await setAutoreply(system, { address }, CLI);
          else if (Object.keys(given).length === 0) shown = await showAutoreply(system, address);
          else {
            const autoreply = changed(await showAutoreply(system, address), given);
            shown = await setAutoreply(system, { address, autoreply }, CLI);
          }
          output.result(shown, () => autoreplyText(address, shown, Date.now()));
        }),
      ),
    );
}

type Given = Partial<Omit<Autoreply, 'enabled'>>;

async function readOptions(options: Options): Promise<Given> {
  const { text, file, html, subject, from, until, days } = texts(options);
  if (text !== undefined && file !== undefined) throw new UsageError('give --text or --file, not both');
  const now = Date.now();
  return {
    ...(text !== undefined && { text }),
    ...(file !== undefined && { text: await readFile(file, 'utf8') }),
    ...(html !== undefined && { html: await readFile(html, 'utf8') }),
    ...(subject !== undefined && { subject }),
    ...(from !== undefined && { from: readMoment(from, now) }),
    ...(until !== undefined && { until: readMoment(until, now) }),
    ...(days !== undefined && { days: readDays(days) }),
  };
}

/** Those that have a value. */
function texts(options: Options): { readonly [name: string]: string | undefined } {
  return Object.fromEntries(
    Object.entries(options).filter((one): one is [string, string] => typeof one[1] === 'string'),
  );
}

/** A new text begins anew: what an old one was bound to would keep it from being sent. */
function changed(before: AutoreplyItem, given: Given): Autoreply {
  if (given.text !== undefined) return { ...given, text: given.text, enabled: true };
  if (before.text === '' && before.html === undefined)
    throw new UsageError('give --text or --file: there is no text yet');
  const { from, until, ...rest } = before;
  const times = {
    ...(from !== undefined && { from: Date.parse(from) }),
    ...(until !== undefined && { until: Date.parse(until) }),
  };
  return { ...rest, ...times, ...given, enabled: true };
}

/** A day (its first moment in UTC), a time (RFC 3339), or how long from now (`3d`, `12h`). Milliseconds. */
function readMoment(text: string, now: number): number {
  const span = parseDuration(text);
  const at = span === undefined && /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : now + (span ?? Number.NaN);
  if (Number.isFinite(at)) return at;
  throw new UsageError(`"${text}" is no time: write 3d, 12h, 2027-01-31 or 2027-01-31T12:00:00Z`);
}

function readDays(text: string): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= MOST_AUTOREPLY_DAYS) return days;
  throw new UsageError(`"${text}" is no number of days from 1 to ${MOST_AUTOREPLY_DAYS}`);
}

function autoreplyText(address: string, item: AutoreplyItem, now: number): string {
  const { enabled, subject, text, html, from, until, days } = item;
  if (!enabled) return `${address} answers nobody`;
  const over = until !== undefined && Date.parse(until) <= now;
  const times = [...(from === undefined ? [] : [`from ${from}`]), ...(until === undefined ? [] : [`until ${until}`])];
  return [
    [`${address} ${over ? 'answered' : 'answers'}`, ...times, `once in ${days} days for each correspondent:`].join(' '),
    `Subject: ${subject ?? 'Auto: and the subject of the message'}`,
    '',
    text.trimEnd(),
    ...(html === undefined ? [] : ['', '(and as HTML)']),
  ].join('\n');
}
