/** A JSON log line as text for people: `12:00:01.123 WARN  mta: connection lost session=k2 peer=192.0.2.1`. */

const COLOURS: Readonly<Record<string, string>> = { debug: '90', info: '32', warn: '33', error: '31' };

interface Line {
  readonly time: string;
  readonly level: string;
  readonly program?: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export function formatLine(line: string, colour: boolean): string {
  const { time, level, program, msg, error, err, ...fields } = JSON.parse(line) as Line;
  const paint = (code: string, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const pairs = Object.entries(fields)
    .filter(([key]) => key !== 'pid' && key !== 'hostname')
    .map(([key, value]) => ` ${paint('90', `${key}=`)}${show(value)}`);
  const head = `${paint('90', time.slice(11, 23))} ${paint(COLOURS[level] ?? '0', level.toUpperCase().padEnd(5))}`;
  const subject = program === undefined ? '' : ` ${program}:`;
  return `${head}${subject} ${msg}${pairs.join('')}${trouble(error ?? err)}\n`;
}

function show(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[^\s"\p{Cc}]+$/u.test(text) ? text : escaped(JSON.stringify(value));
}

/** JSON leaves the controls from U+0080 on as they are; terminals obey them. */
function escaped(json: string): string {
  return json.replace(/\p{Cc}/gu, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** An error's stack, indented; it starts with its message. */
function trouble(error: unknown): string {
  if (error === undefined) return '';
  const stack = (error as { stack?: string } | null)?.stack ?? JSON.stringify(error);
  return `\n${stack
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n')}`;
}
