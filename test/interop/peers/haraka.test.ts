import { haraka } from './haraka.ts';
import { tryForeignPeer } from './suite.ts';

tryForeignPeer(haraka);
