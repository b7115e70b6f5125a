import { html } from '../lib/html.js';
import { useTitle } from '../lib/route.js';

/** The head of a view. @param {{ title: string, above?: unknown, intro?: unknown, actions?: unknown, children?: unknown }} props */
export function Heading({ title, above, intro, actions, children }) {
  useTitle(title);
  return html`<div class="title">
    ${above && html`<p class="above">${above}</p>`}
    <div class="line">
      <h1 id="title" tabindex="-1">${title}</h1>
      ${actions && html`<div class="buttons">${actions}</div>`}
    </div>
    ${intro && html`<p>${intro}</p>`} ${children}
  </div>`;
}
