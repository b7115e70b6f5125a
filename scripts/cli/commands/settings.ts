/** `peerpost settings export|plan|apply`. */
import { readFile, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Applied } from '#admin/settings/apply.ts';
import { type ConfigurationPlan, planConfiguration, showConfiguration } from '#admin/settings/configuration.ts';
import type { SettingsPlan } from '#admin/settings/plan.ts';
import type { Settings, SettingsChange } from '#admin/settings/settings.ts';
import { type Act, readConfig, withSystem } from '../act.ts';
import { readStandardInput } from '../input.ts';
import { CommandError, type Output } from '../output.ts';
import { CLI } from '../system.ts';

export function addSettingsCommands(program: Command, act: Act): void {
  const settings = program.command('settings').description('domains, accounts and aliases as one document');
  addExport(settings, act);
  addPlan(settings, act);
  addApply(settings, act);
}

function addExport(settings: Command, act: Act): void {
  settings
    .command('export')
    .argument('[file]', 'written anew; without it, standard output')
    .option('--configuration', 'the configuration in effect instead, as TOML, with its defaults')
    .description('write what there is: JSON, without secrets, always in the same order')
    .action(
      act(async (output, options, file: string | undefined) => {
        if (options.configuration) {
          const shown = showConfiguration(await readConfig(options));
          if (file !== undefined) await writeFile(file, shown.toml, { mode: 0o600 });
          output.result(shown, () => (file === undefined ? shown.toml.trimEnd() : `written to ${file}`));
          return;
        }
        await withSystem(options, async (system) => {
          const { exportSettings } = await import('#admin/settings/export.ts');
          const found = await exportSettings(system);
          const text = JSON.stringify(found, null, 2);
          if (file !== undefined) await writeFile(file, `${text}\n`, { mode: 0o600 });
          output.result(found, () => (file === undefined ? text : `written to ${file}`));
        });
      }),
    );
}

function addPlan(settings: Command, act: Act): void {
  settings
    .command('plan')
    .argument('<file>', 'settings as `export` writes them, or a configuration (*.toml); - is standard input')
    .option('--prune', 'what is there and not in the file is to go')
    .description('what would change, and what stands against it; nothing is changed')
    .addHelpText(
      'after',
      `
A configuration is checked and compared here and not applied: replace the file yourself, then SIGHUP reads it.`,
    )
    .action(
      act(async (output, options, file: string) => {
        if (file.endsWith('.toml')) {
          const plan = planConfiguration(await readConfig(options), await readFile(file, 'utf8'));
          output.result(plan, () => configurationText(plan));
          if (plan.problems.length > 0) process.exitCode = 1;
          return;
        }
        await withSystem(options, async (system) => {
          const { planSettings } = await import('#admin/settings/plan.ts');
          const plan = await planSettings(system, await readSettings(file), { prune: Boolean(options.prune) });
          output.result(plan, () => planText(plan, Boolean(options.prune)));
          if (plan.problems.length > 0) process.exitCode = 1;
        });
      }),
    );
}

function addApply(settings: Command, act: Act): void {
  settings
    .command('apply')
    .argument('<file>', 'settings as `export` writes them; - is standard input')
    .option('--dry-run', 'check everything and change nothing')
    .option('--prune', 'remove what is there and not in the file: accounts go with their mail')
    .description('make the settings what the file says')
    .addHelpText(
      'after',
      `
Everything is checked before anything is changed. Each step is one act with its line in \`peerpost audit list\`, in an
order in which mail for what stays always arrives. If it ends in the middle, the same command again completes it;
applied twice, it changes nothing. New accounts get a password, which is printed this once.`,
    )
    .action(
      act((output, options, file: string) =>
        withSystem(options, async (system) => {
          const wanted = await readSettings(file);
          const how = { dryRun: Boolean(options.dryRun), prune: Boolean(options.prune) };
          const { applySettings } = await import('#admin/settings/apply.ts');
          report(output, await applySettings(system, wanted, how, CLI));
        }),
      ),
    );
}

async function readSettings(file: string): Promise<Settings> {
  // The checker of documents takes longer to load than most commands to run, so only these load it.
  const { parseSettings } = await import('#admin/settings/settings.ts');
  return parseSettings(file === '-' ? await readStandardInput() : await readFile(file, 'utf8'));
}

function report(output: Output, applied: Applied): void {
  const { failed, done } = applied;
  output.result(applied, () => appliedText(applied));
  if (failed === undefined) return;
  if (output.json) process.exitCode = 1;
  else {
    const hint = `${done.length} changes are done; apply it again to go on`;
    throw new CommandError(failed.code, `${title(failed.change)}: ${failed.message} (${hint})`);
  }
}

const SIGNS = { add: '+', change: '~', remove: '-' } as const;

const title = ({ act, kind, target }: SettingsChange): string => `${SIGNS[act]} ${kind} ${target}`;

function changeText(change: SettingsChange): string {
  const { act, before, after, note } = change;
  const names = Object.keys({ ...before, ...after });
  const value = (of: object | undefined, name: string): string =>
    JSON.stringify((of as Record<string, unknown>)?.[name]);
  const lines = names.map((name) => {
    if (act === 'change') return `    ${name}: ${value(before, name)} -> ${value(after, name)}`;
    return `    ${name}: ${value(act === 'add' ? after : before, name)}`;
  });
  return [`${title(change)}${note === undefined ? '' : `  (${note})`}`, ...lines].join('\n');
}

function planText({ changes, problems }: SettingsPlan, prune: boolean): string {
  const removals = changes.filter(({ act }) => act === 'remove').length;
  return [
    ...changes.map(changeText),
    ...(changes.length === 0 ? ['nothing would change'] : []),
    ...(removals > 0 && !prune ? [`${removals} removals are done only with --prune`] : []),
    ...problems.map(({ target, message }) => `! ${target} ${message}`),
  ].join('\n');
}

function appliedText({ dryRun, done, kept, passwords }: Applied): string {
  return [
    ...done.map(changeText),
    done.length === 0 ? 'nothing to change' : `${done.length} changes ${dryRun ? 'would be made' : 'made'}`,
    ...kept.map((change) => `kept, as --prune is not given: ${change.kind} ${change.target}`),
    ...passwords.map(({ address, password }) => `password of ${address}, shown this once: ${password}`),
  ].join('\n');
}

function configurationText({ changes, listeners, problems }: ConfigurationPlan): string {
  return [
    ...changes.map(({ key, before, after }) => `~ ${key}: ${before ?? '(none)'} -> ${after ?? '(none)'}`),
    ...(changes.length === 0 && problems.length === 0 ? ['nothing would change'] : []),
    ...(listeners.length > 0 ? [`${listeners.length} of them are listeners`] : []),
    ...problems.map(({ message }) => `! ${message}`),
  ].join('\n');
}
