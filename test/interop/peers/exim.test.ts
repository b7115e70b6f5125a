import { exim } from './exim.ts';
import { tryForeignPeer } from './suite.ts';

tryForeignPeer(exim);
