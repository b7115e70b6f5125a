import { postfix } from './postfix.ts';
import { tryForeignPeer } from './suite.ts';

tryForeignPeer(postfix);
