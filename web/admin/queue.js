/** Mail that waits to leave, why it waits, and what can be done about it: to one, to some, to all that a filter finds. */
import { useState } from 'preact/hooks';
import { request, withQuery } from '../lib/api.js';
import { counted, moment } from '../lib/format.js';
import { html } from '../lib/html.js';
import { words } from '../lib/problem.js';
import { useList } from '../lib/resource.js';
import { go, usePlace } from '../lib/route.js';
import { confirm } from '../ui/dialog.js';
import { text } from '../ui/form.js';
import { say } from '../ui/notice.js';
import { Empty, focusOn, Loaded, More, Refresh } from '../ui/parts.js';
import { Heading } from './heading.js';
import { QueueRow } from './queue-row.js';

/** @typedef {import('./queue-row.js').Queued} Queued */
/** @typedef {'retry' | 'hold' | 'release' | 'drop'} Act */

/** @type {{ readonly [act in Act]: string }} */
const DONE = { retry: 'tried again now', hold: 'held', release: 'released', drop: 'dropped' };
const STATES = /** @type {const} */ ([
  ['', 'Everything'],
  ['deferred', 'Tried, and to be tried again'],
  ['waiting', 'On its way'],
  ['held', 'Held'],
]);

/** @param {{ title: string }} props */
export function QueueView({ title }) {
  const { query } = usePlace();
  const filter = Object.fromEntries(
    ['state', 'domain', 'sender'].flatMap((name) => (query.get(name) ? [[name, String(query.get(name))]] : [])),
  );
  /** @type {import('../lib/resource.js').List<Queued>} */
  const list = useList(withQuery('/admin/queue', filter));
  const [chosen, setChosen] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  const [all, setAll] = useState(false);
  const shown = list.data ?? [];
  const picked = shown.filter(({ id }) => chosen.has(id)).map(({ id }) => id);
  const everyone = shown.length > 0 && picked.length === shown.length;
  const beyond = all && everyone && list.more !== undefined;

  const choose = (/** @type {readonly string[]} */ ids, /** @type {boolean} */ on) => {
    const next = new Set(chosen);
    for (const id of ids) {
      if (on) next.add(id);
      else next.delete(id);
    }
    setChosen(next);
    setAll(false);
  };
  const perform = async (/** @type {Act} */ act, /** @type {readonly string[]} */ ids) => {
    const rest = Object.keys(filter).length > 0 ? { filter } : { all: true };
    // When some have left meanwhile, it is done to the others, and then refused.
    try {
      const { items } = await request('POST', '/admin/queue/acts', { act, ...(beyond ? rest : { ids }) });
      choose(ids, false);
      say(`${counted(items.length, 'message')} ${DONE[act]}.`);
    } finally {
      await list.reload();
    }
  };
  const drop = (/** @type {readonly string[]} */ ids) =>
    confirm({
      title: beyond ? 'Drop all that match?' : `Drop ${counted(ids.length, 'message')}?`,
      text: 'They are deleted and never arrive. Nobody is told: their senders get no report.',
      act: 'Drop',
      run: () => perform('drop', ids),
      after: () => focusOn('title'),
    });
  const act = (/** @type {Act} */ what, /** @type {readonly string[]} */ ids) => {
    if (what === 'drop') drop(ids);
    else perform(what, ids).catch((error) => say(words(error), true));
  };

  return html`
    <${Heading} title=${title} intro="Mail that waits to leave, oldest first." actions=${html`<${Refresh} of=${list} />`} />
    <${Filter} query=${query} />
    <${Loaded} of=${list} what="the queue">
      ${
        shown.length === 0
          ? html`<${Empty}>${Object.keys(filter).length === 0 ? 'The queue is empty: everything has left.' : 'Nothing matches.'}<//>`
          : html`
              <div class="bulk">
                <div class="check">
                  <input type="checkbox" id="everyone" checked=${everyone} onChange=${() =>
                    choose(
                      shown.map(({ id }) => id),
                      !everyone,
                    )} />
                  <label for="everyone">Select all ${counted(shown.length, 'message')} shown</label>
                </div>
                ${everyone && list.more && html`<button aria-pressed=${all} onClick=${() => setAll(!all)}>All that match, not only those shown</button>`}
                <div class="buttons" role="group" aria-label="With those selected">
                  ${
                    /** @type {Act[]} */ (['retry', 'hold', 'release', 'drop']).map(
                      (
                        one,
                      ) => html`<button key=${one} class=${one === 'drop' ? 'danger' : ''} disabled=${picked.length === 0} onClick=${() => act(one, picked)}>
                      ${LABELS[one]}<span class="unseen"> those selected</span>
                    </button>`,
                    )
                  }
                </div>
              </div>
              <ul class="rows queue" aria-label="Messages">
                ${shown.map((one) => html`<${QueueRow} key=${one.id} item=${one} chosen=${chosen.has(one.id)} onChoose=${(/** @type {boolean} */ on) => choose([one.id], on)} act=${act} />`)}
              </ul>
              <${More} list=${list} />
              <p class="hint">As of ${moment(new Date(list.at).toISOString())}.</p>
            `
      }
    <//>
  `;
}

/** @type {{ readonly [act in Act]: string }} */
const LABELS = { retry: 'Retry', hold: 'Hold', release: 'Release', drop: 'Drop' };

/** @param {{ query: URLSearchParams }} props */
function Filter({ query }) {
  const apply = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    go(
      withQuery('/admin/queue', {
        state: text(data, 'state'),
        domain: text(data, 'domain'),
        sender: text(data, 'sender'),
      }),
    );
  };
  return html`<form class="filter" onSubmit=${apply} aria-label="Filter">
    <div class="field"><label for="state">Show</label>
      <select id="state" name="state">${STATES.map(([value, words]) => html`<option key=${value} value=${value} selected=${value === (query.get('state') ?? '')}>${words}</option>`)}</select>
    </div>
    <div class="field"><label for="domain">To the domain</label><input id="domain" name="domain" defaultValue=${query.get('domain')} autocapitalize="off" spellcheck=${false} /></div>
    <div class="field"><label for="sender">From</label><input id="sender" name="sender" placeholder="address or @domain" defaultValue=${query.get('sender')} autocapitalize="off" spellcheck=${false} /></div>
    <button>Filter</button>
  </form>`;
}
