import { request } from '../lib/api.js';
import { counted, moment } from '../lib/format.js';
import { html } from '../lib/html.js';
import { useList } from '../lib/resource.js';
import { confirm } from '../ui/dialog.js';
import { say } from '../ui/notice.js';
import { Ago, Empty, focusOn, Loaded, Refresh } from '../ui/parts.js';
import { Heading } from './heading.js';

/** @typedef {{ id: string, program: string, protocol: string, remote: string, since: string, login?: string }} Live */

/** @param {{ title: string }} props */
export function Sessions({ title }) {
  /** @type {import('../lib/resource.js').List<Live>} */
  const list = useList('/admin/sessions');
  const groups = [...Map.groupBy(list.data ?? [], ({ login }) => login ?? '')].sort(([a], [b]) => (a < b ? -1 : 1));
  const end = (/** @type {readonly Live[]} */ sessions, /** @type {string} */ whose) =>
    confirm({
      title: `Disconnect ${sessions.length === 1 ? 'this session' : counted(sessions.length, 'session')} of ${whose}?`,
      text: 'What it has in hand is finished first. The program may come back by itself; to keep it out, suspend the account.',
      act: 'Disconnect',
      async run() {
        await request('POST', '/admin/sessions/disconnect', { ids: [...new Set(sessions.map(({ id }) => id))] });
        await list.reload();
        say(`${counted(sessions.length, 'session')} disconnected.`);
      },
      after: () => focusOn('title'),
    });
  return html`
    <${Heading} title=${title} intro="Who is connected now." actions=${html`<${Refresh} of=${list} />`} />
    <${Loaded} of=${list} what="sessions">
      ${list.data?.length === 0 && html`<${Empty}>Nobody is connected.<//>`}
      ${groups.map(([login, sessions]) => {
        const whose = login === '' ? 'somebody not signed in' : login;
        return html`<section class="records" key=${login} aria-label=${whose}>
          <div class="line">
            <h2>${login === '' ? 'Not signed in' : login}</h2>
            ${sessions.length > 1 && html`<button onClick=${() => end(sessions, whose)}>Disconnect all ${sessions.length}</button>`}
          </div>
          <ul class="rows">
            ${sessions.map(
              (one) => html`<li key=${one.id}>
                <div><strong>${one.protocol.toUpperCase()}</strong><p>from ${one.remote} · since <${Ago} at=${one.since} /></p></div>
                <button onClick=${() => end([one], whose)} aria-label=${`Disconnect ${one.protocol} from ${one.remote} of ${whose}`}>Disconnect</button>
              </li>`,
            )}
          </ul>
        </section>`;
      })}
      ${list.data && html`<p class="hint">As of ${moment(new Date(list.at).toISOString())}.</p>`}
    <//>
  `;
}
