import { withQuery } from '../lib/api.js';
import { inLine, moment } from '../lib/format.js';
import { html } from '../lib/html.js';
import { useList } from '../lib/resource.js';
import { go, usePlace } from '../lib/route.js';
import { text } from '../ui/form.js';
import { Empty, Loaded, More } from '../ui/parts.js';
import { Heading } from './heading.js';

/** @typedef {{ id: string, at: string, actor: string, act: string, target: string, detail?: { [name: string]: unknown } }} Line */

/** @param {{ title: string }} props */
export function Audit({ title }) {
  const { query } = usePlace();
  const filter = { actor: query.get('actor') ?? '', target: query.get('target') ?? '' };
  /** @type {import('../lib/resource.js').List<Line>} */
  const list = useList(withQuery('/admin/audit', filter));
  const apply = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    go(withQuery('/admin/audit', { actor: text(data, 'actor'), target: text(data, 'target') }));
  };
  return html`
    <${Heading} title=${title} intro="Who changed what, newest first." />
    <form class="filter" onSubmit=${apply} aria-label="Filter">
      <div class="field"><label for="actor">By</label><input id="actor" name="actor" defaultValue=${filter.actor} autocapitalize="off" spellcheck=${false} /></div>
      <div class="field"><label for="target">On</label><input id="target" name="target" defaultValue=${filter.target} autocapitalize="off" spellcheck=${false} /></div>
      <button>Filter</button>
    </form>
    <${Loaded} of=${list} what="the log">
      ${list.data?.length === 0 && html`<${Empty}>${filter.actor || filter.target ? 'Nothing matches. Names must be given whole.' : 'Nothing has been changed yet.'}<//>`}
      <ul class="rows log">
        ${list.data?.map(
          (line) => html`<li key=${line.id}>
            <time datetime=${line.at}>${moment(line.at)}</time>
            <div>
              <strong>${line.act.replaceAll('-', ' ')}</strong> ${line.target}
              <p>by ${line.actor === 'cli' ? 'the command line' : line.actor}${line.detail && ` · ${inLine(line.detail)}`}</p>
            </div>
          </li>`,
        )}
      </ul>
      <${More} list=${list} />
    <//>
  `;
}
