/** `peerpost run` for trials: what each program is armed with from its next start on comes by IPC, and restarts don't wait. Started by `tree.ts`. */
import { loadConfig } from '#config/load.ts';
import { runSupervisor } from '#runtime/supervisor/run.ts';
import { programs } from '../../../scripts/cli/commands/run.ts';

const file = process.argv[2] as string;
const armed = ['--import', new URL('armed.testkit.ts', import.meta.url).href];
process.umask(0o077);
process.on('message', ({ program, plan }: { program: string; plan: string }) => {
  process.env[`PEERPOST_FAULT_OF_${program}`] = plan;
  process.send?.('planned');
});
// The test has gone: nothing stays behind.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
const config = await loadConfig(file);
const timing = { restartMs: 5, restartMaxMs: 20 };
await runSupervisor({
  config,
  programs: programs.map((one) => ({ ...one, flags: [...('flags' in one ? one.flags : []), ...armed] })),
  version: 'trial',
  loadConfig: () => loadConfig(file),
  timing,
});
process.disconnect();
