/**
 * `multipart/form-data` (RFC 7578): the part `message` is the JSON of `POST /send`, every part with a file name an attachment. It is MIME, so our own indexer takes it
 * apart. Pure.
 */

import { MailError } from '#mail/failure.ts';
import { textOfBinary } from '#mail/header/charset.ts';
import { splitFields, unfold } from '#mail/header/fields.ts';
import { parameter, parseParameters } from '#mail/header/parameters.ts';
import { indexMessage } from '#mail/mime/indexer.ts';
import type { PartNode } from '#mail/mime/message-index.ts';

export interface FormPart {
  readonly name: string;
  readonly filename: string | undefined;
  /** Lower case, without parameters. */
  readonly type: string;
  readonly content: Buffer;
}

/** @throws MailError `bad-request` for what is no form. */
export function formParts(boundary: string | undefined, body: Buffer): FormPart[] {
  if (boundary === undefined || !/^[ -!#-~]{1,70}$/.test(boundary)) throw noForm();
  const head = Buffer.from(`Content-Type: multipart/form-data; boundary="${boundary}"\r\n\r\n`);
  const whole = Buffer.concat([head, body]);
  const { root } = indexMessage(whole);
  if (!root.type.startsWith('multipart/') || root.children.length === 0) throw noForm();
  return root.children.map((node) => formPart(whole, node));
}

function formPart(whole: Buffer, { headerStart, bodyStart, bodyEnd }: PartNode): FormPart {
  const fields = splitFields(whole.toString('latin1', headerStart, bodyStart));
  const value = (name: string): string => unfold(fields.find((one) => one.name.toLowerCase() === name)?.value ?? '');
  const disposition = parseParameters(value('content-disposition'));
  const name = parameter(disposition, 'name')?.value;
  if (disposition.value.toLowerCase() !== 'form-data' || name === undefined) throw noForm();
  const filename = parameter(disposition, 'filename')?.value;
  return {
    name: textOfBinary(name),
    // Browsers and curl write names in UTF-8 (RFC 7578 §5.1.3).
    filename: filename === undefined ? undefined : textOfBinary(filename),
    type: parseParameters(value('content-type')).value.toLowerCase() || 'text/plain',
    content: whole.subarray(bodyStart, bodyEnd),
  };
}

const noForm = (): MailError => new MailError('bad-request', 'The body is no multipart/form-data');
