/** Every resource, once. The order is that of the documentation. */
import type { Routes } from './route.ts';
import { accountRoutes } from './routes/account.ts';
import { healthRoutes } from './routes/health.ts';
import { messageContentRoutes } from './routes/message-content.ts';
import { messageRoutes } from './routes/messages.ts';
import { sessionRoutes } from './routes/session.ts';

export const resources: readonly ((routes: Routes) => void)[] = [
  sessionRoutes,
  accountRoutes,
  messageRoutes,
  messageContentRoutes,
  healthRoutes,
];
