import { useState } from 'preact/hooks';
import { request } from '../lib/api.js';
import { date } from '../lib/format.js';
import { html } from '../lib/html.js';
import { useList } from '../lib/resource.js';
import { go, Link } from '../lib/route.js';
import { Dialog } from '../ui/dialog.js';
import { Field, Form, text } from '../ui/form.js';
import { say } from '../ui/notice.js';
import { Empty, Loaded, More } from '../ui/parts.js';
import { Heading } from './heading.js';

/** @typedef {{ domain: string, createdAt: string }} Domain */

/** @param {{ title: string }} props */
export function Domains({ title }) {
  /** @type {import('../lib/resource.js').List<Domain>} */
  const list = useList('/admin/domains');
  const [adding, setAdding] = useState(false);
  return html`
    <${Heading}
      title=${title}
      intro="This server takes mail for them."
      actions=${html`<button class="main" onClick=${() => setAdding(true)}>Add a domain</button>`}
    />
    <${Loaded} of=${list} what="domains">
      ${list.data?.length === 0 && html`<${Empty}>There are none yet. Add the first one to begin.<//>`}
      <ul class="rows">
        ${list.data?.map(
          ({ domain, createdAt }) => html`<li key=${domain}>
            <div>
              <strong><${Link} to=${`/admin/domains/${encodeURIComponent(domain)}`}>${domain}<//></strong>
              <p>Since ${date(createdAt)}</p>
            </div>
            <${Link} class="button" to=${`/admin/domains/${encodeURIComponent(domain)}`} aria-label=${`DNS records of ${domain}`}>DNS records<//>
          </li>`,
        )}
      </ul>
      <${More} list=${list} />
    <//>
    ${adding && html`<${Add} onClose=${() => setAdding(false)} />`}
  `;
}

/** @param {{ onClose: () => void }} props */
function Add({ onClose }) {
  const add = async (/** @type {FormData} */ data) => {
    const { domain } = await request('POST', '/admin/domains', { domain: text(data, 'domain') });
    onClose();
    say(`${domain} is added. Publish its records next.`);
    go(`/admin/domains/${encodeURIComponent(domain.toLowerCase())}`);
  };
  return html`<${Dialog} title="Add a domain" onClose=${onClose}>
    <${Form} submit="Add" onSubmit=${add} onCancel=${onClose} check=${(/** @type {FormData} */ data) => ({ domain: text(data, 'domain') === '' && 'Enter a domain.' })}>
      <${Field} name="domain" label="Domain" hint="The part behind the @, such as example.org." autocapitalize="off" spellcheck=${false} autofocus />
    <//>
  <//>`;
}
