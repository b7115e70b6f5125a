/** App passwords: one for each device or program. For their owner, and for an admin. */
import { useState } from 'preact/hooks';
import { request } from '../lib/api.js';
import { html } from '../lib/html.js';
import { useList } from '../lib/resource.js';
import { confirm, Dialog } from '../ui/dialog.js';
import { Checks, Field, Form, text } from '../ui/form.js';
import { say } from '../ui/notice.js';
import { Ago, Empty, focusOn, Loaded, More, Secret, Section } from '../ui/parts.js';

/** @typedef {{ id: string, name: string, scopes: readonly string[], createdAt: string, lastUsedAt?: string, lastUsedFrom?: string }} AppPassword */

const USES = /** @type {const} */ ([
  ['imap', 'Mail programs (IMAP)'],
  ['smtp', 'Sending (SMTP)'],
  ['pop3', 'Collecting mail (POP3)'],
  ['rest', 'Scripts (REST)'],
]);

/** @param {{ path: string }} props of the list in REST */
export function AppPasswords({ path }) {
  /** @type {import('../lib/resource.js').List<AppPassword>} */
  const list = useList(path);
  const [adding, setAdding] = useState(false);
  const remove = (/** @type {AppPassword} */ { id, name }) =>
    confirm({
      title: `Remove “${name}”?`,
      text: 'Whatever uses this password can’t sign in any more. The mail stays.',
      act: 'Remove',
      async run() {
        await request('DELETE', `${path}/${id}`);
        await list.reload();
        say(`“${name}” is removed.`);
      },
      after: () => focusOn('app-passwords'),
    });
  return html`<${Section}
    id="app-passwords"
    title="App passwords"
    intro="Give each device or program one of its own. When one is lost, you remove its password and nothing else changes."
    actions=${html`<button onClick=${() => setAdding(true)}>New app password</button>`}
  >
    <${Loaded} of=${list} what="app passwords">
      ${list.data?.length === 0 && html`<${Empty}>There are none yet.<//>`}
      <ul class="rows">
        ${list.data?.map(
          (one) => html`<li key=${one.id}>
            <div>
              <strong>${one.name}</strong>
              <p>${uses(one.scopes)} · ${one.lastUsedAt ? html`used <${Ago} at=${one.lastUsedAt} /> from ${one.lastUsedFrom}` : 'never used'}</p>
            </div>
            <button onClick=${() => remove(one)} aria-label=${`Remove ${one.name}`}>Remove</button>
          </li>`,
        )}
      </ul>
      <${More} list=${list} />
    <//>
    ${adding && html`<${Add} path=${path} onClose=${() => setAdding(false)} onAdded=${list.reload} />`}
  <//>`;
}

/** @param {readonly string[]} scopes */
function uses(scopes) {
  return scopes.length === 0 || scopes.length === USES.length
    ? 'For everything'
    : `For ${scopes.map((scope) => scope.toUpperCase()).join(', ')}`;
}

/** @param {{ path: string, onClose: () => void, onAdded: () => Promise<void> }} props */
function Add({ path, onClose, onAdded }) {
  const [made, setMade] = useState(/** @type {{ name: string, password: string } | undefined} */ (undefined));
  if (made !== undefined) {
    return html`<${Dialog} key="made" title=${`Password for “${made.name}”`} onClose=${onClose}>
      <${Secret} text=${made.password} what="app password" onDone=${onClose}>
        Type or paste it where the program asks for a password. It is shown this once; blanks and hyphens don’t matter.
      <//>
    <//>`;
  }
  const add = async (/** @type {FormData} */ data) => {
    const scopes = data.getAll('scopes');
    const all = scopes.length === USES.length;
    setMade(await request('POST', path, { name: text(data, 'name'), scopes: all ? [] : scopes }));
    void onAdded();
  };
  return html`<${Dialog} key="add" title="New app password" onClose=${onClose}>
    <${Form}
      submit="Make it"
      onSubmit=${add}
      onCancel=${onClose}
      check=${(/** @type {FormData} */ data) => ({
        name: text(data, 'name') === '' && 'Give it a name, so that you know it later.',
        scopes: data.getAll('scopes').length === 0 && 'Choose at least one.',
      })}
    >
      <${Field} name="name" label="Device or program" hint="For yourself, such as “Phone” or “Thunderbird at work”." maxlength="100" autofocus />
      <${Checks} name="scopes" legend="What it is for" options=${USES} checked=${['imap', 'smtp', 'pop3']} />
    <//>
  <//>`;
}
