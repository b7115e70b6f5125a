import { useEffect, useRef } from 'preact/hooks';
import { html } from '../lib/html.js';
import { Link, usePlace, useTitle } from '../lib/route.js';
import { focusOn } from '../ui/parts.js';
import { Gate } from '../ui/session.js';
import { AccountView } from './account.js';
import { Accounts } from './accounts.js';
import { Aliases } from './aliases.js';
import { Audit } from './audit.js';
import { DomainView } from './domain.js';
import { Domains } from './domains.js';
import { QueueView } from './queue.js';
import { Sessions } from './sessions.js';

const VIEWS = /** @type {const} */ ([
  ['domains', 'Domains', Domains, DomainView],
  ['accounts', 'Accounts', Accounts, AccountView],
  ['aliases', 'Aliases', Aliases],
  ['queue', 'Queue', QueueView],
  ['sessions', 'Sessions', Sessions],
  ['audit', 'Audit log', Audit],
]);

export function AdminPage() {
  const { path } = usePlace();
  const [, , name = 'domains', item, more] = path.replace(/\/$/, '').split('/');
  const [, title, List, One] = VIEWS.find(([key]) => key === name) ?? [];
  const View = item === undefined ? List : more === undefined ? One : undefined;
  useFocusOnChange(path);
  const nav = html`<nav aria-label="Admin">
    ${VIEWS.map(([key, words]) => html`<${Link} key=${key} to=${`/admin/${key}`} aria-current=${key === name ? (item === undefined ? 'page' : 'true') : undefined}>${words}<//>`)}
  </nav>`;
  const inside =
    View === undefined ? html`<${Nothing} />` : html`<${View} key=${path} name=${decoded(item)} title=${title} />`;
  return html`<${Gate} nav=${nav} allowed=${isAdmin} instead=${html`<${Refused} />`}>${inside}<//>`;
}

/** @param {import('../lib/api.js').Session} now */
const isAdmin = (now) => now.scopes.includes('admin');

/** @param {string} [text] of a path */
function decoded(text) {
  try {
    return decodeURIComponent(text ?? '');
  } catch {
    return '';
  }
}

/** Another view begins at its heading, as another page would. @param {string} path */
function useFocusOnChange(path) {
  const before = useRef(path);
  useEffect(() => {
    if (before.current !== path) focusOn('title');
    before.current = path;
  }, [path]);
}

function Nothing() {
  useTitle('Not found');
  return html`<div class="title"><h1 id="title" tabindex="-1">There is nothing here</h1></div>
    <p><${Link} to="/admin/accounts">Go to the accounts<//></p>`;
}

function Refused() {
  useTitle('For admins');
  return html`<div class="title"><h1 id="title" tabindex="-1">This page is for admins</h1></div>
    <p>Your account is not one, or you signed in with an app password. <a href="/">Go to your own page</a></p>`;
}
