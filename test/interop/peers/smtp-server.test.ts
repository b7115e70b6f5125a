import { smtpServer } from './smtp-server.ts';
import { tryForeignPeer } from './suite.ts';

tryForeignPeer(smtpServer);
