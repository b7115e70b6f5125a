/** What dialogs have in their maildrops, by name. */
const crlf = (text: string): string => text.replaceAll('\n', '\r\n');

export const MESSAGES: { readonly [name: string]: string } = {
  one: crlf('Subject: one\n\nfirst\n'),
  two: crlf('Subject: two\nFrom: a@b.test\n\nfirst\nsecond\nthird\n'),
  dots: crlf('Subject: dots\n\n.\n..\n.end of line.\nlast\n.\n'),
  empty: crlf('Subject: empty\n\n'),
  header: crlf('Subject: header only\n'),
  unended: crlf('Subject: unended\n\nno line end'),
  'bare-lf': 'Subject: bare\r\n\r\none\n.\ntwo\r\n',
  utf8: crlf('Subject: Grüße\nFrom: "Jörg" <jörg@alpha.test>\n\nKörper\n'),
};
