/** LANG (RFC 6856 §3): texts are in English, which is also what everybody has to understand (`i-default`, RFC 2277 §4.5). */
import { defineCommand } from '../command.ts';
import { optionalText } from '../grammar/arguments.ts';
import { err, ok, WRITTEN } from '../response/reply.ts';

const LANGUAGES: ReadonlyMap<string, string> = new Map([
  ['en', 'English'],
  ['i-default', 'Default language'],
]);

export const lang = defineCommand({
  name: 'LANG',
  allowedIn: ['authorization', 'transaction'],
  capabilities: () => ['LANG'],
  parse: optionalText,
  run: async (range, { out }) => {
    if (range === undefined) {
      const lines = Array.from(LANGUAGES, ([tag, description]) => `${tag} ${description}`);
      out.write(['+OK Languages follow', ...lines, '.', ''].join('\r\n'));
      return WRITTEN;
    }
    const tag = range === '*' ? 'en' : range.toLowerCase();
    return LANGUAGES.has(tag) ? ok(`${tag} Language chosen`) : err('That language is not known here');
  },
});
