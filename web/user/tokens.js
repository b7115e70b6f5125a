/** Tokens, for scripts that use REST. */
import { useState } from 'preact/hooks';
import { request } from '../lib/api.js';
import { date } from '../lib/format.js';
import { html } from '../lib/html.js';
import { useList } from '../lib/resource.js';
import { confirm, Dialog } from '../ui/dialog.js';
import { Checks, Choice, Field, Form, text } from '../ui/form.js';
import { say } from '../ui/notice.js';
import { Ago, Empty, focusOn, Loaded, More, Secret, Section } from '../ui/parts.js';

/** @typedef {{ id: string, name: string, scopes: readonly string[], createdAt: string, expiresAt?: string, lastUsedAt?: string, lastUsedFrom?: string, kind?: string }} Token */

const SCOPES = /** @type {const} */ ([
  ['mail:read', 'Read mail'],
  ['mail:write', 'Change mail'],
  ['send', 'Send mail'],
  ['account', 'Change the account'],
]);
/** @type {ReadonlyMap<string, string>} */
const SCOPE_NAMES = new Map(SCOPES);
const DAY_MS = 86_400_000;

export function Tokens() {
  /** @type {import('../lib/resource.js').List<Token>} */
  const list = useList('/account/tokens');
  const [adding, setAdding] = useState(false);
  const remove = (/** @type {Token} */ { id, name }) =>
    confirm({
      title: `Remove “${name}”?`,
      text: 'Scripts that use this token stop working.',
      act: 'Remove',
      async run() {
        await request('DELETE', `/account/tokens/${id}`);
        await list.reload();
        say(`“${name}” is removed.`);
      },
      after: () => focusOn('tokens'),
    });
  return html`<${Section}
    id="tokens"
    title="Tokens"
    intro=${html`For scripts that use the <a href="/api/docs">REST interface</a>.`}
    actions=${html`<button onClick=${() => setAdding(true)}>New token</button>`}
  >
    <${Loaded} of=${list} what="tokens">
      ${list.data?.length === 0 && html`<${Empty}>There are none yet.<//>`}
      <ul class="rows">
        ${list.data?.map(
          (one) => html`<li key=${one.id}>
            <div>
              <strong>${one.name}</strong>
              <p>
                ${one.scopes.map((scope) => SCOPE_NAMES.get(scope) ?? scope).join(', ')}
                ${one.expiresAt && ` · until ${date(one.expiresAt)}`} · ${one.lastUsedAt ? html`used <${Ago} at=${one.lastUsedAt} /> from ${one.lastUsedFrom}` : 'never used'}
              </p>
            </div>
            <button onClick=${() => remove(one)} aria-label=${`Remove ${one.name}`}>Remove</button>
          </li>`,
        )}
      </ul>
      <${More} list=${list} />
    <//>
    ${adding && html`<${Add} onClose=${() => setAdding(false)} onAdded=${list.reload} />`}
  <//>`;
}

/** @param {{ onClose: () => void, onAdded: () => Promise<void> }} props */
function Add({ onClose, onAdded }) {
  const [made, setMade] = useState(/** @type {{ name: string, token: string } | undefined} */ (undefined));
  if (made !== undefined) {
    return html`<${Dialog} key="made" title=${`Token “${made.name}”`} onClose=${onClose}>
      <${Secret} text=${made.token} what="token" onDone=${onClose}>Keep it where the script finds it. It is shown this once.<//>
    <//>`;
  }
  const add = async (/** @type {FormData} */ data) => {
    const days = Number(data.get('days'));
    const expires = days > 0 ? { expiresAt: new Date(Date.now() + days * DAY_MS).toISOString() } : {};
    setMade(
      await request('POST', '/account/tokens', { name: text(data, 'name'), scopes: data.getAll('scopes'), ...expires }),
    );
    void onAdded();
  };
  return html`<${Dialog} key="add" title="New token" onClose=${onClose}>
    <${Form}
      submit="Make it"
      onSubmit=${add}
      onCancel=${onClose}
      check=${(/** @type {FormData} */ data) => ({
        name: text(data, 'name') === '' && 'Give it a name, so that you know it later.',
        scopes: data.getAll('scopes').length === 0 && 'Choose at least one.',
      })}
    >
      <${Field} name="name" label="Name" hint="Of the script that will use it." maxlength="100" autofocus />
      <${Checks} name="scopes" legend="What it may do" options=${SCOPES} checked=${['mail:read']} />
      <${Choice} name="days" label="Ends" value="365" options=${[['30', 'after 30 days'], ['365', 'after a year'], ['0', 'never']]} />
    <//>
  <//>`;
}
