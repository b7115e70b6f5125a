/** For supervisors and load balancers: whether the process answers, and whether it can serve. */
import Type from 'typebox';
import type { Routes } from '../route.ts';

const Health = Type.Object({ status: Type.Literal('ok') });

export function healthRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/health/live',
    root: true,
    scope: 'none',
    tag: 'Health',
    summary: 'Does the gateway answer?',
    operationId: 'getLiveness',
    response: Health,
    run: () => ({ status: 'ok' as const }),
  });

  routes.add({
    method: 'GET',
    url: '/health/ready',
    root: true,
    scope: 'none',
    tag: 'Health',
    summary: 'Can it serve?',
    description: 'It asks the directory. 503 where that fails.',
    operationId: 'getReadiness',
    response: Health,
    failures: ['unavailable'],
    async run({ services }) {
      await services.directory.isLocalDomain(services.config.hostname);
      return { status: 'ok' as const };
    },
  });
}
