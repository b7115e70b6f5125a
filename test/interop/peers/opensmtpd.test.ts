import { opensmtpd } from './opensmtpd.ts';
import { tryForeignPeer } from './suite.ts';

tryForeignPeer(opensmtpd);
