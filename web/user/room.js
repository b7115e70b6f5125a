import { counted, size } from '../lib/format.js';
import { html } from '../lib/html.js';

/** @typedef {{ used: number, limit: number | null, messages: number }} Quota */

/** How full an account is. @param {{ quota: Quota }} props */
export function Room({ quota: { used, limit, messages } }) {
  const held = counted(messages, 'message');
  if (limit === null) return html`<p class="room">${size(used)} in ${held}</p>`;
  return html`<p class="room">
    <meter min="0" max=${limit} high=${limit * 0.9} value=${Math.min(used, limit)} aria-label="Room used"></meter>
    <span>${size(used)} of ${size(limit)} used, ${held}</span>
  </p>`;
}
