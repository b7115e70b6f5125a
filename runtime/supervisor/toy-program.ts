/** A program for the supervisor's tests: answers each connection with who it is, then obeys one-letter orders. */
import { runProgram } from '../program.ts';

runProgram('toy', async (context) => {
  let hostname = context.config.hostname;
  let patient = false;
  const hurried = Promise.withResolvers<void>();
  const open = new Set<{ end(text: string): void }>();
  let claimed: readonly string[] = [];
  const claim = (listeners: readonly string[]): void => {
    for (const listener of claimed) if (!listeners.includes(listener)) context.claim(listener, false);
    for (const listener of listeners) if (!claimed.includes(listener)) context.claim(listener, true);
    claimed = listeners;
  };
  // The toy MTA claims only what it is told to on a connection.
  const dealt = context.config.listeners.smtp.length === 0;
  if (dealt) claim(context.assigned);
  const lease = await context.coordination.acquire('starts', 1000);
  return {
    accept(listener, socket) {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
      socket.write(`${listener} ${process.pid} ${hostname}\n`);
      socket.on('data', (data) => {
        const order = String(data).trim();
        if (order === 'crash') throw new Error('as told');
        if (order === 'hang') {
          socket.write('hanging\n');
          for (;;);
        }
        if (order.startsWith('claim ')) context.claim(order.slice(6), true);
        if (order === 'stay') patient = true;
        if (order === 'release') lease?.release();
        void context.coordination.count('orders', 1, 3_600_000).then((n) => socket.write(`${order} ${n}\n`));
      });
    },
    assign(listeners) {
      if (dealt) claim(listeners);
    },
    async reload(config) {
      hostname = config.hostname;
    },
    async drain(_deadlineMs, replaced) {
      if (!replaced) hurried.resolve();
      else if (patient) await hurried.promise;
      if (dealt) claim([]);
      for (const socket of open) socket.end('bye\n');
      while (open.size > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    },
  };
});
