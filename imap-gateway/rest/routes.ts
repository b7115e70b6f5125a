/** Every resource, once. The order is that of the documentation. */

import { adminAccountRoutes } from './admin/accounts.ts';
import { adminAddressRoutes } from './admin/addresses.ts';
import { adminAuditRoutes } from './admin/audit.ts';
import { adminDkimRoutes } from './admin/dkim.ts';
import { adminAliasRoutes, adminDomainRoutes } from './admin/domains.ts';
import { incomingMoveRoutes } from './admin/moves.ts';
import { adminQueueRoutes, adminSessionRoutes } from './admin/queue.ts';
import { adminSecondFactorRoutes } from './admin/second-factor.ts';
import { adminSettingsRoutes } from './admin/settings.ts';
import { adminStatusRoutes } from './admin/status.ts';
import { adminTokenRoutes } from './admin/tokens.ts';
import { eventRoutes } from './events/event-routes.ts';
import { adminJobRoutes } from './jobs/admin.ts';
import { ownJobRoutes } from './jobs/own.ts';
import { collectRoutes, type Route, type Routes } from './route.ts';
import { accountRoutes } from './routes/account.ts';
import { adminAutoreplyRoutes, autoreplyRoutes } from './routes/autoreply.ts';
import { clientSetupRoutes } from './routes/client-setup.ts';
import { credentialRoutes } from './routes/credentials.ts';
import { documentationRoutes } from './routes/documentation.ts';
import { adminExpungedRoutes, expungedRoutes } from './routes/expunged.ts';
import { healthRoutes } from './routes/health.ts';
import { loginRoutes } from './routes/logins.ts';
import { mailTransferRoutes } from './routes/mail-transfer.ts';
import { mailboxRoutes } from './routes/mailboxes.ts';
import { messageChangeRoutes } from './routes/message-changes.ts';
import { messageContentRoutes } from './routes/message-content.ts';
import { messageRoutes } from './routes/messages.ts';
import { secondFactorRoutes } from './routes/second-factor.ts';
import { sessionRoutes } from './routes/session.ts';
import { threadRoutes } from './routes/threads.ts';
import { adminFilterRoutes, filterRoutes } from './rules/filter-routes.ts';
import { adminSenderRoutes, senderRoutes } from './rules/sender-routes.ts';
import { draftRoutes } from './sending/draft-routes.ts';
import { sendRoutes } from './sending/send-routes.ts';
import { submissionRoutes } from './sending/submission-routes.ts';
import { webhookRoutes } from './webhooks/webhook-routes.ts';

const resources: readonly ((routes: Routes) => void)[] = [
  sessionRoutes,
  accountRoutes,
  autoreplyRoutes,
  filterRoutes,
  senderRoutes,
  clientSetupRoutes,
  credentialRoutes,
  secondFactorRoutes,
  mailboxRoutes,
  messageRoutes,
  messageContentRoutes,
  sendRoutes,
  submissionRoutes,
  draftRoutes,
  eventRoutes,
  webhookRoutes,
  messageChangeRoutes,
  threadRoutes,
  expungedRoutes,
  mailTransferRoutes,
  ownJobRoutes,
  adminDomainRoutes,
  adminDkimRoutes,
  adminAccountRoutes,
  adminAutoreplyRoutes,
  adminSecondFactorRoutes,
  adminExpungedRoutes,
  adminFilterRoutes,
  adminSenderRoutes,
  adminAliasRoutes,
  adminAddressRoutes,
  adminTokenRoutes,
  adminQueueRoutes,
  adminSessionRoutes,
  adminAuditRoutes,
  loginRoutes,
  adminSettingsRoutes,
  adminStatusRoutes,
  adminJobRoutes,
  incomingMoveRoutes,
  healthRoutes,
  documentationRoutes(() => allRoutes),
];

export const allRoutes: readonly Route[] = collectRoutes(resources);
