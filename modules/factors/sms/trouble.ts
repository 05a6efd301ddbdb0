import type { FactorHealth } from '../../kernel/factor.ts';
import type { FactorNotice } from '../../kernel/ports.ts';
import type { GatewayHealth } from './gateways/standing.ts';
import type { SmsHost } from './state.ts';

const hourMs = 3_600_000;

/** One failure may be one message’s. */
const patienceMs = 30_000;

/** Gateways as the operator's monitoring sees them, from this process. */
export function healthOf(gateways: readonly GatewayHealth[]): FactorHealth {
  const troubled = gateways.filter(({ state }) => state !== 'ok');
  const detail = troubled.map(
    ({ name, state, since, fault }) =>
      `${name} ${state} since ${since?.toISOString() ?? '?'}${fault ? `: ${fault}` : ''}`,
  );
  return { state: troubled.length > 0 ? 'degraded' : 'ok', detail: detail.join('; ') };
}

/** Mails staff about a gateway that goes on failing: once an hour, whichever process finds out. */
export async function alertStaff(
  host: Pick<SmsHost, 'tellStaff' | 'now'>,
  gateway: string,
  gateways: readonly GatewayHealth[],
): Promise<void> {
  const now = host.now().getTime();
  const troubled = gateways.find(({ name, state }) => name === gateway && state === 'failing');
  if (!troubled?.since || now - troubled.since.getTime() < patienceMs) return;
  await host.tellStaff('mfa.policy', {
    ...gatewayFailing({ gateway, fault: troubled.fault ?? '' }),
    once: `gateway ${gateway} ${String(Math.floor(now / hourMs))}`,
  });
}

/** The mail about a gateway that goes on failing. */
export function gatewayFailing(params: { gateway: string; fault: string }): FactorNotice & { path: string } {
  return {
    heading: 'sms.alert.gateway.heading',
    text: 'sms.alert.gateway.text',
    params,
    path: '/staff/factors/sms',
  };
}
