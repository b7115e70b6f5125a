import { chasquid } from './chasquid.ts';
import { tryForeignPeer } from './suite.ts';

tryForeignPeer(chasquid);
