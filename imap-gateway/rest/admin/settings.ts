/** Settings as one document: what is, what would change, and making it so. */
import Type from 'typebox';
import { applySettings } from '#admin/settings/apply.ts';
import { planConfiguration, showConfiguration } from '#admin/settings/configuration.ts';
import { exportSettings } from '#admin/settings/export.ts';
import { planSettings } from '#admin/settings/plan.ts';
import { Settings } from '#admin/settings/settings.ts';
import { by } from '../callers.ts';
import type { Routes } from '../route.ts';
import { EmailAddress } from '../schemas.ts';
import { adminRooms } from './rooms.ts';

const Fields = Type.Unsafe<object>({ type: 'object', additionalProperties: true });
const Change = Type.Object(
  {
    act: Type.Enum(['add', 'change', 'remove']),
    kind: Type.Enum(['domain', 'account', 'alias']),
    target: Type.String({ description: 'The domain or address.' }),
    before: Type.Optional(Fields),
    after: Type.Optional(Fields),
    destructive: Type.Optional(Type.Boolean({ description: 'Done only with `prune`.' })),
    note: Type.Optional(Type.String()),
  },
  { title: 'SettingsChange' },
);
const Problems = Type.Array(Type.Object({ target: Type.String(), message: Type.String() }));
const Value = Type.Union([Type.String(), Type.Null()], { description: 'As TOML; null where there is none.' });
const prune = Type.Boolean({
  default: false,
  description: 'What is there and not named is removed, accounts with their mail.',
});
const tag = 'Admin: settings';

export function adminSettingsRoutes(routes: Routes): void {
  documentRoutes(routes);
  configurationRoutes(routes);
}

function documentRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/admin/settings',
    scope: 'admin:read',
    tag,
    summary: 'Domains, accounts and aliases as one document',
    description:
      'Without secrets, and in an order that depends on nothing else: it can be kept under version control, and applied to another peer.',
    operationId: 'exportSettings',
    response: Settings,
    run: ({ services }) => exportSettings(services),
  });

  routes.add({
    method: 'POST',
    url: '/admin/settings/plan',
    scope: 'admin:read',
    tag,
    summary: 'What would change',
    description:
      'The changes in the order in which they would be done, and what stands against them. Nothing is changed.',
    operationId: 'planSettings',
    query: Type.Object({ prune: Type.Optional(prune) }),
    body: Settings,
    response: Type.Object({ changes: Type.Array(Change), problems: Problems }, { title: 'SettingsPlan' }),
    run: ({ services, body, query }) => planSettings(services, body, { prune: query.prune ?? false }),
  });

  routes.add({
    method: 'POST',
    url: '/admin/settings/apply',
    scope: 'admin',
    tag,
    summary: 'Make the settings what the document says',
    description:
      'Everything is checked before anything is changed. New accounts get a password that is shown this once. Where it ends in the middle, `failed` says at what; the same document again completes it. Applied twice, it changes nothing.',
    operationId: 'applySettings',
    query: Type.Object({
      dryRun: Type.Optional(Type.Boolean({ default: false, description: 'Check and tell; change nothing.' })),
      prune: Type.Optional(prune),
    }),
    body: Settings,
    response: Type.Object(
      {
        dryRun: Type.Boolean(),
        complete: Type.Boolean(),
        done: Type.Array(Change),
        kept: Type.Array(Change, { description: 'Removals that were not asked for.' }),
        passwords: Type.Array(Type.Object({ address: EmailAddress, password: Type.String() })),
        failed: Type.Optional(Type.Object({ change: Change, code: Type.String(), message: Type.String() })),
      },
      { title: 'AppliedSettings' },
    ),
    run: ({ services, body, query, caller }) =>
      applySettings(
        adminRooms(services),
        body,
        { dryRun: query.dryRun ?? false, prune: query.prune ?? false },
        by(caller),
      ),
  });
}

function configurationRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/admin/configuration',
    scope: 'admin:read',
    tag,
    summary: 'The configuration in effect',
    description: 'With its defaults. Secrets are none of it: they stand in files that it names.',
    operationId: 'getConfiguration',
    response: Type.Object({ file: Type.String(), toml: Type.String() }, { title: 'Configuration' }),
    run: ({ services }) => showConfiguration(services.config),
  });

  routes.add({
    method: 'POST',
    url: '/admin/configuration/plan',
    scope: 'admin:read',
    tag,
    summary: 'What another configuration would change',
    description:
      'Which keys and listeners, or why the peer would not start with it. It is not applied from here: the file belongs to the admin of the host. Write it there, and SIGHUP reads it.',
    operationId: 'planConfiguration',
    body: Type.Object({ toml: Type.String({ maxLength: 500_000, description: 'The whole new file.' }) }),
    response: Type.Object(
      {
        changes: Type.Array(Type.Object({ key: Type.String(), before: Value, after: Value })),
        listeners: Type.Array(Type.String()),
        problems: Problems,
      },
      { title: 'ConfigurationPlan' },
    ),
    run: ({ services, body }) => planConfiguration(services.config, body.toml),
  });
}
