/** `POST /send`. */
import Type from 'typebox';
import type { Routes } from '../route.ts';
import { filing, formRequest, fromRaw, fromRequest, gathered, type Prepared } from './incoming.ts';
import type { Writer } from './letter.ts';
import { SendBody, Sending, type SendingOptions, Sent } from './schemas.ts';
import { answeredBefore, checkSendAt, idempotencyOf, limitMessages, submit } from './submit.ts';

export function sendRoutes(routes: Routes): void {
  routes.add({
    method: 'POST',
    url: '/send',
    scope: 'send',
    tag: 'Sending',
    summary: 'Send a message',
    description:
      'As JSON; as `multipart/form-data`, where the part `message` is that JSON and every file is attached; or composed already, as `message/rfc822`, to whom its header names, with the options in the query. ' +
      'The message is stored before the answer, and sent at once or at `sendAt`. What comes of it is told by `/submissions/{id}`. ' +
      'With an `Idempotency-Key` a repeated request is answered as the first one was, and sends nothing.',
    operationId: 'sendMessage',
    query: Type.Object({
      sendAt: Sending.sendAt,
      notify: Type.Optional(
        Type.String({ pattern: '^(never|(success|failure|delay)(,(success|failure|delay)){0,2})$', maxLength: 30 }),
      ),
      save: Sending.save,
    }),
    body: SendBody,
    consumes: ['message/rfc822', 'multipart/form-data'],
    limit: 'message',
    status: 202,
    response: Sent,
    failures: ['bad-request', 'not-permitted', 'no-such-message', 'over-quota', 'rejected', 'too-large'],
    async run({ access, caller, services, body, upload, query, headers, head, exchange }) {
      const writer: Writer = { access, address: caller.account!.address };
      const key = headers['idempotency-key'];
      const content = upload === undefined ? undefined : await gathered(upload);
      const asked = key === undefined ? '' : (content ?? JSON.stringify(body));
      const idempotency = idempotencyOf(key, upload?.type ?? 'json', JSON.stringify(query), asked);
      const request = { access, idempotency };
      const before = await answeredBefore(services, request);
      if (before === undefined) await limitMessages(services, request, exchange.remote);
      const accepted =
        before ??
        (await send(async () => {
          if (upload?.type === 'message/rfc822') return [await fromRaw(services, writer, content!), queried(query)];
          const json = upload === undefined ? body! : formRequest(upload.parameters.boundary, content!);
          return [await fromRequest(services, writer, json), { ...queried(query), ...json }];
        }));
      head.header('location', `/api/v1/submissions/${accepted.id}`);
      return accepted;

      async function send(prepare: () => Promise<readonly [Prepared, SendingOptions]>) {
        checkSendAt(query, '/query/sendAt', services.clock.now());
        const [prepared, options] = await prepare();
        checkSendAt(options, '/body/sendAt', services.clock.now());
        const { envelope, reference } = prepared;
        const filed = await filing(services, access, prepared, options);
        return await submit(services, request, { envelope, options, reference, ...filed });
      }
    },
  });
}

/** The options as the query has them. */
function queried(query: {
  readonly sendAt?: string;
  readonly notify?: string;
  readonly save?: boolean;
}): SendingOptions {
  const { sendAt, notify, save } = query;
  return {
    ...(sendAt !== undefined && { sendAt }),
    ...(notify !== undefined && {
      notify: notify === 'never' ? notify : (notify.split(',') as ('success' | 'failure' | 'delay')[]),
    }),
    ...(save !== undefined && { save }),
  };
}
