import type { FactorHealth } from '../../kernel/factor.ts';
import type { FactorNotice } from '../../kernel/ports.ts';
import type { GatewayHealth } from './gateways/standing.ts';
import { createStandings } from './gateways/standings.ts';
import type { SmsHost } from './state.ts';

const hourMs = 3_600_000;

/** One failure may be one message’s. */
const failingPatienceMs = 30_000;

/** A provider's network is away for a moment now and then. */
const queueingPatienceMs = 5 * 60_000;

const path = '/staff/factors/sms';

/** How it is going with what carries messages, whichever process found out. */
export interface Going {
  gateways: readonly GatewayHealth[];
  /** Since when messages are withdrawn because no process took them up; null: they are taken up. */
  unattendedSince: Date | null;
}

/** No gateway's name has a space. */
const nobody: GatewayHealth = {
  name: 'no process',
  ...{ state: 'ok', since: null, lastSuccessAt: null, fault: null, faultAt: null },
};

/** Keeps what goes wrong with the carrying of messages, for every process, and mails staff where it goes on: once an hour. */
export function createTrouble(host: Pick<SmsHost, 'model' | 'tellStaff' | 'now' | 'log'>) {
  const standings = createStandings(host);

  /** What a process sees, and what is then known of it altogether. */
  async function note(seen: GatewayHealth): Promise<GatewayHealth> {
    await standings.note(seen, host.now());
    return seen.state === 'ok' ? seen : ((await standings.list([seen]))[0] ?? seen);
  }

  async function tell(troubled: GatewayHealth, patienceMs: number, notice: FactorNotice) {
    const now = host.now().getTime();
    if (!troubled.since || now - troubled.since.getTime() < patienceMs) return;
    const once = `gateway ${troubled.name} ${troubled.state} ${String(Math.floor(now / hourMs))}`;
    await host.tellStaff('mfa.policy', { ...notice, once });
  }

  return {
    /** A gateway answered: somebody takes messages up. */
    async answered(seen: GatewayHealth): Promise<void> {
      const [gateway] = await Promise.all([note(seen), note(nobody)]);
      const { name, state, fault } = gateway;
      if (state === 'failing')
        await tell(gateway, failingPatienceMs, gatewayFailing({ gateway: name, fault: fault ?? '' }));
      if (state === 'queueing') await tell(gateway, queueingPatienceMs, gatewayQueueing({ gateway: name }));
    },
    /** A message was withdrawn, for nobody took it up in time. Whoever waited for it is not to wait for this to be told. */
    async withdrawn(): Promise<void> {
      try {
        const gone = await note({ ...nobody, state: 'failing', since: host.now(), faultAt: host.now() });
        await tell(gone, failingPatienceMs, unattended);
      } catch (error) {
        host.log.error({ err: error }, 'that nobody sends text messages could not be noted');
      }
    },
    async going(gateways: readonly GatewayHealth[]): Promise<Going> {
      const all = await standings.list([...gateways, nobody]);
      const isNobody = ({ name }: GatewayHealth) => name === nobody.name;
      return {
        gateways: all.filter((one) => !isNobody(one)),
        unattendedSince: all.find(isNobody)?.since ?? null,
      };
    },
  };
}

/** The same as the operator's monitoring reads it. */
export function healthOf({ gateways, unattendedSince }: Going): FactorHealth {
  const troubled = gateways.filter(({ state }) => state !== 'ok');
  const detail = troubled.map(
    ({ name, state, since, fault }) =>
      `${name} ${state} since ${since?.toISOString() ?? '?'}${fault ? `: ${fault}` : ''}`,
  );
  if (unattendedSince)
    detail.push(
      `nobody sends text messages since ${unattendedSince.toISOString()}: is a process with JOBS=on running?`,
    );
  return { state: detail.length > 0 ? 'degraded' : 'ok', detail: detail.join('; ') };
}

/** The mail about a gateway that goes on failing. */
export function gatewayFailing(params: { gateway: string; fault: string }): FactorNotice {
  return { heading: 'sms.alert.gateway.heading', text: 'sms.alert.gateway.text', params, path };
}

/** The mail about a gateway that takes messages and goes on keeping them. */
export function gatewayQueueing(params: { gateway: string }): FactorNotice {
  return { heading: 'sms.alert.queueing.heading', text: 'sms.alert.queueing.text', params, path };
}

/** The mail about messages that no process takes up. */
export const unattended: FactorNotice = {
  ...{ heading: 'sms.alert.unattended.heading', text: 'sms.alert.unattended.text', path },
};
