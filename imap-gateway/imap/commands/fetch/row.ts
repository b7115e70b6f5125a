/** The data items of one message that come from the store. */
import type { MessageRow } from '#store/store.ts';
import { formatDateTime } from '../../grammar/date.ts';
import type { FetchItem, SimpleFetchItem } from '../../grammar/fetch.ts';
import { writeBinary, writeBinarySize } from './binary.ts';
import type { FetchWriter } from './fetch-writer.ts';
import type { ContentSource } from './message-content.ts';
import { writeSection } from './section.ts';

/** Answers a promise only where octets have to be waited for, so that plain rows cost no turn of the event loop. */
export function writeItem(
  item: FetchItem,
  row: MessageRow,
  source: ContentSource,
  writer: FetchWriter,
): Promise<void> | undefined {
  switch (item.item) {
    case 'SECTION':
    case 'RFC822':
      return writeSection(item, row, source, writer);
    case 'BINARY':
      return writeBinary(item, row, source, writer);
    case 'BINARY.SIZE':
      return writeBinarySize(item, row, source, writer);
    case 'PREVIEW':
      writePreview(row.preview, writer);
      return undefined;
    default:
      writeSimple(item.item, row, writer);
      return undefined;
  }
}

function writeSimple(name: SimpleFetchItem, row: MessageRow, writer: FetchWriter): void {
  switch (name) {
    case 'ENVELOPE':
      writeFinished(name, row.envelope, writer);
      break;
    case 'BODY':
      writeFinished(name, row.body, writer);
      break;
    case 'BODYSTRUCTURE':
      writeFinished(name, row.bodystructure, writer);
      break;
    default:
      writer.item(`${name} ${formatSimple(name, row)}`);
  }
}

function formatSimple(name: SimpleFetchItem, row: MessageRow): string {
  switch (name) {
    case 'INTERNALDATE':
      return formatDateTime(row.internalDate);
    case 'RFC822.SIZE':
      return String(row.size);
    case 'EMAILID':
      return `(${row.message})`;
    case 'THREADID':
      return `(${row.thread})`;
    case 'SAVEDATE':
      // RFC 8514 §4.2
      return formatDateTime({ time: row.savedAt, zone: 0 });
    default:
      throw new Error(`${name} is answered from the view`);
  }
}

function writeFinished(name: string, bytes: Uint8Array | undefined, writer: FetchWriter): void {
  if (bytes === undefined) throw new Error(`the store left out ${name}`);
  writer.finished(name, bytes);
}

/** RFC 8970 §3.2: NIL when there is none (yet); UTF-8 in a literal. */
function writePreview(preview: string | undefined, writer: FetchWriter): void {
  if (preview === undefined) writer.item('PREVIEW NIL');
  else writer.octets('PREVIEW', Buffer.from(preview.replaceAll('\0', '')));
}
