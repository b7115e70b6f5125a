/** A peer for the pages: people, an admin, and a neighbour that takes no mail yet, so that the queue has something to show. */
import { type ScriptedPeer, scriptedPeer } from '#test/support/scripted-peer.ts';
import { prepareTestPeer, type TestPeer } from '#test/support/system.ts';

export const REASON = '450 4.7.1 Greylisted, try again in 15 minutes';

export interface WebPeer {
  readonly peer: TestPeer;
  /** Of the pages. */
  readonly origin: string;
  close(): Promise<void>;
}

/** alice@alpha.test and admin@alpha.test, who is one. Mail to far.test is put off by its host, with `REASON`. */
export async function startWebPeer(): Promise<WebPeer> {
  const far = await slowHost();
  try {
    const peer = await prepareTestPeer({
      domain: 'alpha.test',
      users: ['alice', 'admin'],
      routes: { 'far.test': `smtp://127.0.0.1:${far.port}` },
    });
    try {
      const made = await peer.cli(['account', 'admin', 'admin@alpha.test', 'on']);
      if (made.code !== 0) throw new Error(made.stderr);
      await peer.start();
    } catch (error) {
      await peer.close();
      throw error;
    }
    const close = async (): Promise<void> => {
      await peer.close();
      await far.close();
    };
    return { peer, origin: `https://${peer.host}:${peer.port(443)}`, close };
  } catch (error) {
    await far.close();
    throw error;
  }
}

function slowHost(): Promise<ScriptedPeer> {
  return scriptedPeer(async (scene) => {
    scene.say('220 mx.far.test ESMTP\r\n');
    for (;;) {
      const [, verb] = await scene.expect(/^([A-Z]+).*\r\n/i);
      const command = (verb ?? '').toUpperCase();
      if (command === 'QUIT') {
        scene.say('221 2.0.0 bye\r\n');
        return;
      }
      const ok = command === 'EHLO' ? '250 mx.far.test' : '250 2.1.0 ok';
      scene.say(command === 'RCPT' ? `${REASON}\r\n` : `${ok}\r\n`);
    }
  });
}
