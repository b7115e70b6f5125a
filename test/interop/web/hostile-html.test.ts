/**
 * HTML of mail in Chromium: vectors of cross-site scripting, mutations of them, and all ways to call home, shown as pages show it (a frame) and on its own. No script
 * runs, nobody is asked for anything, nothing reaches the page around it. A fence, not a filter, is what is tried: `imap-gateway/rest/mail/html.ts`.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { Browser, BrowserContext } from 'playwright-core';
import { needsChromium, startBrowser } from './browser.ts';
import { startWebPeer, type WebPeer } from './web-peer.ts';

/** `XSS` leaves a mark on the window, and `HOME` is who listens for calls. */
const VECTORS: readonly string[] = [
  '<script>XSS</script>',
  '<SCRIPT SRC=//HOME/a.js></SCRIPT>',
  '<script/x>XSS</script>',
  '<<script>XSS//<</script>',
  '<img src=x onerror=XSS>',
  '<img src="x` `<script>XSS</script>"` `>',
  '<svg onload=XSS>',
  '<svg><script>XSS</script></svg>',
  '<svg><style><img src=x onerror=XSS></style></svg>',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=XSS&gt;"></table></mtext></math>',
  '<svg></p><style><a id="</style><img src=1 onerror=XSS>">',
  '<noscript><p title="</noscript><img src=x onerror=XSS>">',
  '<form><math><mtext></form><form><mglyph><style></math><img src onerror=XSS>',
  '<template><img src=x onerror=XSS></template><xmp><p title="</xmp><img src=x onerror=XSS>"></xmp>',
  '<body onload=XSS><body onpageshow=XSS>',
  '<input autofocus onfocus=XSS><select autofocus onfocus=XSS>',
  '<details open ontoggle=XSS><marquee onstart=XSS>',
  '<video><source onerror=XSS></video><audio src=x onerror=XSS>',
  '<iframe src="javascript:XSS"></iframe><iframe srcdoc="<script>XSS</script>"></iframe>',
  '<iframe src="data:text/html,<script>XSS</script>"></iframe>',
  '<object data="data:text/html,<script>XSS</script>"></object><embed src="data:image/svg+xml,<svg onload=XSS>">',
  '<base href="//HOME/"><img src=base.png><a href="x">x</a>',
  '<base target=_top><meta http-equiv=refresh content="0;url=//HOME/refresh">',
  '<meta http-equiv=refresh content="0;url=javascript:XSS">',
  '<meta http-equiv="Content-Security-Policy" content="default-src * \'unsafe-inline\'"><script>XSS</script>',
  '<link rel=stylesheet href=//HOME/a.css><style>@import url(//HOME/b.css);body{background:url(//HOME/c.png)}</style>',
  '<style>@font-face{font-family:x;src:url(//HOME/f.woff)}body{font-family:x}</style>',
  '<div style="background:url(//HOME/d.png);list-style:url(//HOME/e.png);cursor:url(//HOME/g.cur),auto">x</div>',
  '<img src=//HOME/h.png srcset="//HOME/i.png 2x"><picture><source srcset=//HOME/j.png><img></picture>',
  '<link rel=preload as=image href=//HOME/k.png><link rel=prefetch href=//HOME/l><link rel=modulepreload href=//HOME/m>',
  '<link rel=icon href=//HOME/n.ico><link rel=manifest href=//HOME/o><link rel=prerender href=//HOME/p>',
  '<video poster=//HOME/q.png src=//HOME/r.mp4></video><audio src=//HOME/s.mp3 autoplay></audio><track src=//HOME/t>',
  '<form action=//HOME/u><input name=a></form><button formaction=//HOME/v>x</button><a href=//HOME/w ping=//HOME/x>x</a>',
  '<svg><image href=//HOME/y.png /><use href=//HOME/z.svg#a /></svg><table background=//HOME/aa.png><td background=//HOME/ab.png>',
  '<script type=speculationrules>{"prefetch":[{"source":"list","urls":["//HOME/ac"]}]}</script>',
  '<script type=importmap>{"imports":{}}</script><script type=module>XSS</script>',
  '<a href="javascript:XSS" id=click>click</a>',
  '<a href="data:text/html,<script>XSS</script>" id=click target=_self>click</a>',
];
/** Calls that no policy of a document forbids: they tell a host that somebody reads. */
const HINTS: readonly string[] = [
  '<link rel=preconnect href=//HOME><link rel="x PRECONNECT" href=//HOME><link rel=dns-prefetch href=//HOME>',
  '<link crossorigin rel=&#112;reconnect href=//HOME>',
  '<svg><link rel=preconnect href=//HOME></svg><LINK/rel=preconnect/href=//HOME>',
];

const AT_ONCE = 8;
const MARK = 'a script has run';
const CALL = `(()=>{console.log('${MARK}');try{parent.marked=1}catch(e){}try{open('//HOME/open')}catch(e){}})()`;

describe('HTML of mail in a browser', { skip: needsChromium(), concurrency: 1 }, () => {
  let web: WebPeer;
  let browser: Browser;
  let home: Server;
  /** From whoever was not to call. */
  const calls: string[] = [];

  before(async () => {
    web = await startWebPeer();
    browser = await startBrowser();
    home = createServer((socket) => {
      calls.push('a connection');
      socket.on('error', () => undefined);
      socket.once('data', (data) => {
        calls.push(data.toString('latin1').split('\r\n', 1).join());
        socket.destroy();
      });
    });
    home.listen(0, '127.0.0.1');
    await once(home, 'listening');
  });
  after(async () => {
    await browser?.close();
    home?.close();
    await web?.close();
  });

  /** Shows it in both ways, and clicks what is there to be clicked; answers what happened. */
  async function shown(context: BrowserContext, vector: string): Promise<string[]> {
    const { port } = home.address() as AddressInfo;
    const html = vector.replaceAll('XSS', CALL).replaceAll('HOME', `127.0.0.1:${port}`);
    const imported = await context.request.post('/api/v1/messages', {
      headers: { authorization: BASIC(web), 'content-type': 'message/rfc822' },
      data: Buffer.from(
        `From: eve@evil.test\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n${html}\r\n`,
      ),
    });
    assert.equal(imported.status(), 201, await imported.text());
    const url = `/api/v1/messages/${(await imported.json()).messages[0].id}/html`;
    const happened: string[] = [];
    const page = await context.newPage();
    // Chromium repeats a script that it has blocked.
    page.on('console', (line) => line.text() === MARK && happened.push(MARK));
    page.on('dialog', (dialog) => happened.push(`a dialog: ${dialog.message()}`));
    page.on('popup', (popup) => popup.url().startsWith('javascript:') && happened.push(`a popup: ${popup.url()}`));
    await page.route('**/around', (route) =>
      route.fulfill({ contentType: 'text/html', body: `<title>around</title><iframe src="${url}"></iframe>` }),
    );
    for (const way of ['/around', url]) {
      await page.goto(way, { waitUntil: 'load' });
      const frame = page.frames().at(-1)!;
      for (const link of await frame.locator('#click').all()) await link.click({ timeout: 2_000, noWaitAfter: true });
      // What would go on by itself has gone on: no event tells of what doesn't happen.
      await page.waitForTimeout(150);
      if (!page.url().endsWith(way)) happened.push(`${way}: has become ${page.url()}`);
      if (way === '/around') assert.equal(await page.evaluate('window.marked'), undefined);
    }
    await page.close();
    return happened.map((one) => `${vector}: ${one}`);
  }

  test('without the fence a script runs, and calls home', { timeout: 60_000 }, async () => {
    const page = await browser.newPage();
    const marked = page.waitForEvent('console', (line) => line.text() === MARK);
    const { port } = home.address() as AddressInfo;
    const body = `<script>${CALL}</script><img src=https://127.0.0.1:${port}/>`;
    await page.route('https://nobody.test/', (route) => route.fulfill({ contentType: 'text/html', body }));
    await page.goto('https://nobody.test/', { waitUntil: 'load' });
    await marked;
    await page.close();
    assert.ok(calls.splice(0).length > 0);
  });

  for (const [what, vectors] of [
    ['no script runs, and nobody is called', VECTORS],
    ['no hint to a browser calls anybody', HINTS],
  ] as const) {
    test(what, { timeout: 600_000 }, async () => {
      const context = await browser.newContext({ ignoreHTTPSErrors: true, baseURL: web.origin });
      const signedIn = await context.request.post('/api/v1/session', {
        data: { address: 'alice@alpha.test', password: web.peer.password },
      });
      assert.equal(signedIn.status(), 201);
      const found: string[] = [];
      for (let at = 0; at < vectors.length; at += AT_ONCE) {
        const some = vectors.slice(at, at + AT_ONCE);
        found.push(...(await Promise.all(some.map((vector) => shown(context, vector)))).flat());
        if (calls.length > 0) found.push(`${calls.splice(0).join(', ')}, of one of: ${some.join('\n')}`);
      }
      await context.close();
      assert.deepEqual(found, []);
    });
  }
});

const BASIC = ({ peer }: WebPeer): string =>
  `Basic ${Buffer.from(`alice@alpha.test:${peer.password}`).toString('base64')}`;
