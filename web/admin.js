/** The page of admins. */
import { render } from 'preact';
import { AdminPage } from './admin/page.js';
import { html } from './lib/html.js';

render(html`<${AdminPage} />`, /** @type {HTMLElement} */ (document.getElementById('page')));
