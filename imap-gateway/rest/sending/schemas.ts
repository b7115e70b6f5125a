/** What is composed and sent, as JSON. */
import Type, { type Static } from 'typebox';
import type { DeepReadonly } from '../route.ts';
import { EmailAddress, Id, Time } from '../schemas.ts';

/** Content-IDs that a header of ours may have, without brackets. */
export const CONTENT_ID = /^[!#-;=?-~]{1,200}$/;

const STRICT = { additionalProperties: false } as const;

const Correspondent = Type.Union(
  [
    Type.String({ minLength: 3, maxLength: 1000, examples: ['Bob Beta <bob@beta.test>'] }),
    Type.Object({ name: Type.Optional(Type.String({ maxLength: 500 })), email: EmailAddress }, STRICT),
  ],
  { title: 'Correspondent' },
);
const Correspondents = Type.Array(Correspondent, { maxItems: 10_000 });

const Attachment = Type.Object(
  {
    name: Type.Optional(Type.String({ maxLength: 500, description: 'File name.' })),
    type: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+$', maxLength: 200 })),
    content: Type.Optional(
      Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$', description: 'Base64; or else `message`.' }),
    ),
    message: Type.Optional(
      Type.Intersect([Id], { description: 'A message of this account: attached whole, or one `part` of it.' }),
    ),
    part: Type.Optional(Type.String({ pattern: '^\\d{1,9}(\\.\\d{1,9}){0,99}$', examples: ['1.2'] })),
    disposition: Type.Optional(Type.Union([Type.Literal('attachment'), Type.Literal('inline')])),
    contentId: Type.Optional(
      Type.String({ pattern: CONTENT_ID.source, description: 'For `cid:` in HTML, without brackets.' }),
    ),
  },
  { ...STRICT, title: 'AttachmentToSend' },
);

/** A draft: everything may be missing. */
export const Composed = {
  from: Type.Optional(Correspondent),
  to: Type.Optional(Correspondents),
  cc: Type.Optional(Correspondents),
  bcc: Type.Optional(Correspondents),
  replyTo: Type.Optional(Correspondents),
  subject: Type.Optional(Type.String({ maxLength: 10_000 })),
  text: Type.Optional(Type.String()),
  html: Type.Optional(Type.String()),
  attachments: Type.Optional(Type.Array(Attachment, { maxItems: 1000 })),
  inReplyTo: Type.Optional(
    Type.Intersect([Id], {
      description:
        'The message of this account that is answered: sets In-Reply-To and References, and what is missing of `to` and `subject`.',
    }),
  ),
  forwardOf: Type.Optional(
    Type.Intersect([Id], { description: 'The message of this account that is forwarded, with its attachments.' }),
  ),
  quote: Type.Optional(Type.Boolean({ default: true, description: 'Put the text of that message below one’s own.' })),
  headers: Type.Optional(
    Type.Record(Type.String({ maxLength: 100 }), Type.String({ maxLength: 2000 }), {
      maxProperties: 50,
      description: 'Further fields: `X-…`, List-…, Auto-Submitted, Importance and the like.',
    }),
  ),
};

export const DraftBody = Type.Object(Composed, { ...STRICT, title: 'DraftToStore' });

/** How a message is sent, whatever it is made of. */
export const Sending = {
  sendAt: Type.Optional(
    Type.Intersect([Time], {
      description: 'Not before this time, at most 366 days ahead; until then it can be taken back.',
    }),
  ),
  notify: Type.Optional(
    Type.Union(
      [
        Type.Literal('never'),
        Type.Array(Type.Union([Type.Literal('success'), Type.Literal('failure'), Type.Literal('delay')]), {
          minItems: 1,
          uniqueItems: true,
        }),
      ],
      { description: 'Which reports come as mail (RFC 3461); by default those of failure and delay.' },
    ),
  ),
  save: Type.Optional(Type.Boolean({ default: true, description: 'Keep a copy in the mailbox for sent mail.' })),
};

export const SendBody = Type.Object({ ...Composed, ...Sending }, { ...STRICT, title: 'MessageToSend' });
export const SendDraftBody = Type.Object(Sending, { ...STRICT, title: 'DraftToSend' });

export type ComposeRequest = Omit<DeepReadonly<Static<typeof DraftBody>>, 'attachments'> & {
  readonly attachments?: readonly AttachmentInput[];
};
export type SendingOptions = DeepReadonly<Static<typeof SendDraftBody>>;
export type CorrespondentInput = DeepReadonly<Static<typeof Correspondent>>;
/** `octets` instead of `content`: of a form. */
export type AttachmentInput = DeepReadonly<Static<typeof Attachment>> & { readonly octets?: Uint8Array };

const RecipientStatus = Type.Object(
  {
    address: EmailAddress,
    status: Type.Enum(['pending', 'delivered', 'relayed', 'failed', 'expired', 'dropped', 'canceled'], {
      description:
        '`delivered` into a mailbox of this peer; `relayed` to the next host; `failed` and `expired` for good; `dropped` by an admin.',
    }),
    /** Behind an alias there may be several. */
    finalAddress: Type.Optional(EmailAddress),
    attempts: Type.Optional(Type.Integer()),
    lastAttemptAt: Type.Optional(Time),
    nextAttemptAt: Type.Optional(Time),
    reply: Type.Optional(Type.String({ description: 'What was said last, by the other side or by us.' })),
    remote: Type.Optional(Type.String({ description: 'The host that said it; absent when we did.' })),
  },
  { title: 'RecipientStatus' },
);

export const Submission = Type.Object(
  {
    id: Id,
    status: Type.Enum(['scheduled', 'sending', 'sent', 'delivered', 'failed', 'canceled'], {
      description:
        '`scheduled` until `sendAt`; `sending` until this peer’s MTA has it; `sent` while recipients are pending; then `delivered`, or `failed` when any recipient failed.',
    }),
    message: Type.Optional(Type.Intersect([Id], { description: 'The message in the store.' })),
    messageId: Type.String({ description: 'Of the Message-ID field, without brackets.' }),
    from: EmailAddress,
    subject: Type.String(),
    createdAt: Time,
    sendAt: Type.Optional(Time),
    sentAt: Type.Optional(Time),
    recipients: Type.Array(RecipientStatus),
  },
  { title: 'Submission' },
);
export type SubmissionJson = DeepReadonly<Static<typeof Submission>>;
export type RecipientJson = SubmissionJson['recipients'][number];

/** What `POST /send` answers: the same, however often it is asked again with its Idempotency-Key. */
export const Sent = Type.Object(
  {
    id: Type.Intersect([Id], { description: 'Of the submission.' }),
    message: Id,
    messageId: Type.String(),
    createdAt: Time,
    sendAt: Type.Optional(Time),
    recipients: Type.Array(EmailAddress),
  },
  { title: 'SubmissionAccepted' },
);
