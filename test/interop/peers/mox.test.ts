import { mox } from './mox.ts';
import { tryForeignPeer } from './suite.ts';

tryForeignPeer(mox);
