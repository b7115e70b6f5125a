/** Records as a zone file has them (RFC 1035 §5.1): absolute names, so that they can be pasted anywhere in a zone. */
import type { DnsRecord, DomainRecords } from './dns.ts';

export function zoneText({ domain, records, notes }: DomainRecords): string {
  const lines = [`; ${domain}`];
  let purpose = '';
  for (const record of records) {
    if (record.purpose !== purpose) lines.push('', `; ${record.purpose}`);
    purpose = record.purpose;
    lines.push(zoneLine(record));
  }
  if (notes.length > 0) lines.push('', ...notes.map((note) => `; note: ${note}`));
  return lines.join('\n');
}

export function zoneLine({ name, ttl, type, priority, weight, port, value }: DnsRecord): string {
  const numbers = [priority, weight, port].filter((number) => number !== undefined);
  return [`${name}.`, ttl, 'IN', type, ...numbers, rdata(type, value)].join(' ');
}

function rdata(type: DnsRecord['type'], value: string): string {
  if (type === 'A' || type === 'AAAA' || value === '.') return value;
  return type === 'TXT' ? characterStrings(value) : `${value}.`;
}

/** RFC 1035 §3.3.14: a TXT record is strings of at most 255 octets, which readers join. */
function characterStrings(text: string): string {
  const octets = Buffer.from(text, 'utf8');
  const strings: string[] = [];
  for (let start = 0; start < octets.length || start === 0; start += 255) {
    const part = octets.subarray(start, start + 255).toString('latin1');
    strings.push(`"${part.replace(/["\\]/g, '\\$&').replace(/[^ -~]/g, decimalEscape)}"`);
  }
  return strings.join(' ');
}

const decimalEscape = (character: string) => `\\${String(character.charCodeAt(0)).padStart(3, '0')}`;
