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
  const end = (/** @type {readonly Live[]} */ sessions, /** @type {object} */ filter, /** @type {string} */ whose) =>
    confirm({
      title: `Disconnect ${sessions.length === 1 ? 'this session' : counted(sessions.length, 'session')} of ${whose}?`,
      text: 'What it has in hand is finished first. The program may come back by itself; to keep it out, suspend the account.',
      act: 'Disconnect',
      async run() {
        // By a filter where there is a name: what has ended by itself meanwhile is no trouble then.
        const what = sessions[0]?.login === undefined ? { ids: sessions.map(({ id }) => id) } : { filter };
        try {
          const { items } = await request('POST', '/admin/sessions/disconnect', what);
          say(`${counted(items.length, 'session')} disconnected.`);
        } finally {
          await list.reload();
        }
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
            ${alike(sessions).length > 1 && html`<button onClick=${() => end(sessions, { login }, whose)}>Disconnect all ${sessions.length}</button>`}
          </div>
          <ul class="rows">
            ${alike(sessions).map(
              ({ protocol, remote, since, all }) => html`<li key=${protocol + remote}>
                <div>
                  <strong>${protocol.toUpperCase()}</strong>${all.length > 1 && ` · ${counted(all.length, 'connection')}`}
                  <p>from ${remote} · since <${Ago} at=${since} /></p>
                </div>
                <button onClick=${() => end(all, { login, protocol, remote }, whose)} aria-label=${`Disconnect ${protocol} from ${remote} of ${whose}`}>Disconnect</button>
              </li>`,
            )}
          </ul>
        </section>`;
      })}
      ${list.data && html`<p class="hint">As of ${moment(new Date(list.at).toISOString())}.</p>`}
    <//>
  `;
}

/**
 * Programs and browsers open several at once: those of one protocol from one place are one line. The longest comes first in the list.
 * @param {readonly Live[]} sessions
 */
function alike(sessions) {
  return [...Map.groupBy(sessions, ({ protocol, remote }) => `${protocol} ${remote}`).values()].flatMap((all) =>
    all.slice(0, 1).map((first) => ({ ...first, all })),
  );
}
