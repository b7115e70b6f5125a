/** The line that begins a message in an mbox (RFC 4155, appendix A): `From ` sender, the time in UTC as asctime() writes it. */

export interface FromLine {
  /** `local@domain`; `MAILER-DAEMON` where there is none. */
  readonly sender: string;
  /** Milliseconds since 1970; absent where it can't be read. */
  readonly time?: number;
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const NOBODY = 'MAILER-DAEMON';
const UNFIT = /[\x00-\x20\x7f]/;
const LONGEST_SENDER = 320;

/** With its line end, as octets in UTF-8. */
export function formatFromLine({ sender, time = 0 }: FromLine): Buffer {
  const fit = sender !== '' && sender.length <= LONGEST_SENDER && !UNFIT.test(sender);
  return Buffer.from(`From ${fit ? sender : NOBODY} ${asctime(time)}\n`);
}

function asctime(time: number): string {
  const at = new Date(Number.isNaN(new Date(time).getTime()) ? 0 : time);
  const two = (n: number): string => String(n).padStart(2, '0');
  const clock = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  const year = String(Math.min(9999, Math.max(0, at.getUTCFullYear()))).padStart(4, '0');
  const day = String(at.getUTCDate()).padStart(2, ' ');
  return `${DAYS[at.getUTCDay()]} ${MONTHS[at.getUTCMonth()]} ${day} ${clock} ${year}`;
}

/** Beside asctime()'s: no seconds, a zone before or behind the year, as mail programs have written it. */
const TIME = new RegExp(
  `(?:^| )(?:${DAYS.join('|')}) +(${MONTHS.join('|')}) +(\\d{1,2}) +(\\d{1,2}):(\\d\\d)(?::(\\d\\d))?` +
    '(?: +([A-Z]{1,5}|[+-]\\d{4}))? +(\\d{4})(?: +([+-]\\d{4}))?$',
);

/** @param line from `From ` on, without its line end, as a binary string. */
export function parseFromLine(line: string): FromLine {
  const rest = line.slice('From '.length).trimEnd();
  const match = TIME.exec(rest);
  const sender = Buffer.from((match === null ? rest : rest.slice(0, match.index)).trim(), 'latin1').toString();
  if (match === null) return { sender: sender === '' ? NOBODY : sender };
  const [, month, day, hour, minute, second = '0', before, year, behind] = match;
  const zone = behind ?? before ?? '+0000';
  const local = Date.UTC(0, MONTHS.indexOf(month!), Number(day), Number(hour), Number(minute), Number(second));
  // Date.UTC takes the years 0 to 99 for those of the last century.
  const time = new Date(local).setUTCFullYear(Number(year), MONTHS.indexOf(month!), Number(day)) - zoneMs(zone);
  return { sender: sender === '' ? NOBODY : sender, time };
}

/** RFC 5322 §4.3: names of zones other than these say nothing that could be relied on. */
const ZONES: { readonly [name: string]: string } = {
  EST: '-0500',
  EDT: '-0400',
  CST: '-0600',
  CDT: '-0500',
  MST: '-0700',
  MDT: '-0600',
  PST: '-0800',
  PDT: '-0700',
  CET: '+0100',
  CEST: '+0200',
};

function zoneMs(zone: string): number {
  const numeric = ZONES[zone] ?? zone;
  const match = /^([+-])(\d\d)(\d\d)$/.exec(numeric);
  if (match === null) return 0;
  return (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3])) * 60_000;
}
