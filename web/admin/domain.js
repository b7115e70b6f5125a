/** One domain: the records to publish, and its end. */
import { request } from '../lib/api.js';
import { html } from '../lib/html.js';
import { sentence } from '../lib/problem.js';
import { useResource } from '../lib/resource.js';
import { go, Link } from '../lib/route.js';
import { confirm } from '../ui/dialog.js';
import { say } from '../ui/notice.js';
import { Copy, Loaded } from '../ui/parts.js';
import { Heading } from './heading.js';

/** @typedef {{ name: string, type: string, value: string, ttl: number, priority?: number, weight?: number, port?: number, purpose: string }} DnsRecord */
/** @typedef {{ items: readonly DnsRecord[], notes: readonly string[], zone: string }} Dns */

/** @param {{ name: string }} props */
export function DomainView({ name }) {
  const path = `/admin/domains/${encodeURIComponent(name)}`;
  /** @type {import('../lib/resource.js').Resource<Dns>} */
  const dns = useResource(`${path}/dns`);
  const remove = () =>
    confirm({
      title: `Remove ${name}?`,
      text: 'Mail for it is refused from then on. It must have no accounts and no aliases any more.',
      act: 'Remove the domain',
      async run() {
        await request('DELETE', path);
        say(`${name} is removed.`);
        go('/admin/domains');
      },
    });
  return html`
    <${Heading}
      title=${name}
      above=${html`<${Link} to="/admin/domains">Domains<//>`}
      intro="Publish these records where the domain’s DNS is kept. They follow from what this server offers now."
      actions=${dns.data && html`<${Copy} text=${dns.data.zone} label="Copy as zone file" what="" /><button class="danger" onClick=${remove}>Remove</button>`}
    />
    <${Loaded} of=${dns} what="records">
      ${dns.data && dns.data.notes.length > 0 && html`<ul class="notes">${dns.data.notes.map((note) => html`<li key=${note}>${sentence(note)}</li>`)}</ul>`}
      ${dns.data && purposes(dns.data.items).map(([purpose, records]) => html`<${Group} key=${purpose} purpose=${purpose} records=${records} />`)}
    <//>
  `;
}

/** @param {readonly DnsRecord[]} records */
function purposes(records) {
  return [...Map.groupBy(records, ({ purpose }) => purpose)];
}

/** @param {{ purpose: string, records: readonly DnsRecord[] }} props */
function Group({ purpose, records }) {
  return html`<section class="records">
    <h2>${sentence(purpose).replace(/\.$/, '')}</h2>
    <ul class="rows">
      ${records.map((record) => {
        const value = [record.priority, record.weight, record.port, record.value]
          .filter((part) => part !== undefined)
          .join(' ');
        return html`<li key=${record.type + record.name + value}>
          <dl class="record">
            <div class="type"><dt>Type</dt><dd>${record.type}</dd></div>
            <div><dt>Name</dt><dd><code>${record.name}</code> <${Copy} text=${record.name} what=${`the name ${record.name}`} /></dd></div>
            <div><dt>Value</dt><dd><code>${value}</code> <${Copy} text=${value} what=${`the value of ${record.type} ${record.name}`} /></dd></div>
          </dl>
        </li>`;
      })}
    </ul>
  </section>`;
}
