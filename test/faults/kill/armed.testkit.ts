/** Preloaded into the programs of a trial: which of the plans in its environment is this program's (`tree.ts`). */
const [, program] = /(mta|mda|imap-gateway)\/main\.ts$/.exec(process.argv[1] ?? '') ?? [];
const plan = program && process.env[`PEERPOST_FAULT_OF_${program}`];
if (plan) process.env.PEERPOST_FAULT = plan;
