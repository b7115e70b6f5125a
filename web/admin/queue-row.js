import { ago, counted, size } from '../lib/format.js';
import { html } from '../lib/html.js';
import { Ago } from '../ui/parts.js';

/** @typedef {{ address: string, state: string, attempts: number, nextAttemptAt?: string, lastAttemptAt?: string, lastReply?: string, remoteMta?: string }} Recipient */
/** @typedef {{ id: string, from: string, size: number, arrivedAt: string, expiresAt: string, held: boolean, recipients: readonly Recipient[] }} Queued */

/**
 * @param {{ item: Queued, chosen: boolean, onChoose: (on: boolean) => void, act: (what: 'retry' | 'hold' | 'release' | 'drop', ids: readonly string[]) => void }} props
 */
export function QueueRow({ item, chosen, onChoose, act }) {
  const { id, from, held, recipients } = item;
  const sender = from === '<>' ? 'a report' : from;
  const open = recipients.filter(({ state }) => state === 'pending');
  const name = `from ${sender} to ${open.map(({ address }) => address).join(', ')}`;
  return html`<li>
    <input type="checkbox" id=${`choose-${id}`} checked=${chosen} aria-label=${`Select the message ${name}`} onChange=${() => onChoose(!chosen)} />
    <div>
      <strong>${sender}</strong> ${held && html`<span class="marks"><span class="mark-bad">held</span></span>`}
      <ul class="recipients">${open.map((one) => html`<${Waiting} key=${one.address} recipient=${one} held=${held} />`)}</ul>
      <p>
        Came <${Ago} at=${item.arrivedAt} /> · ${size(item.size)} · given up ${ago(item.expiresAt)}
        ${open.length < recipients.length && ` · done for ${counted(recipients.length - open.length, 'recipient')}`}
      </p>
    </div>
    <div class="buttons">
      ${held ? html`<button key="release" onClick=${() => act('release', [id])}>Release<span class="unseen"> ${name}</span></button>` : html`<button key="retry" onClick=${() => act('retry', [id])}>Retry now<span class="unseen"> ${name}</span></button>`}
      ${!held && html`<button key="hold" onClick=${() => act('hold', [id])}>Hold<span class="unseen"> ${name}</span></button>`}
      <button class="danger" onClick=${() => act('drop', [id])}>Drop<span class="unseen"> ${name}</span></button>
    </div>
  </li>`;
}

/** @param {{ recipient: Recipient, held: boolean }} props */
function Waiting({ recipient: { address, attempts, lastReply, remoteMta, nextAttemptAt }, held }) {
  const tried = attempts === 0 ? 'not tried yet' : `tried ${counted(attempts, 'time')}`;
  return html`<li>
    to <b>${address}</b>: ${tried}${!held && nextAttemptAt && `, next ${ago(nextAttemptAt)}`}
    ${lastReply && html`<p class="reply">${remoteMta && `${remoteMta} said: `}${lastReply}</p>`}
  </li>`;
}
