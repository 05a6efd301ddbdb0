import type { FactorNotice } from '../../../kernel/ports.ts';
import type { Counters } from './counters.ts';
import type { GuardHost } from './guard-host.ts';
import { dayMs, nextStart, utcDay } from './utc.ts';

const path = '/staff/factors/sms';

interface Alert {
  heading: string;
  text: string;
  event: string;
  detail: Record<string, string | number>;
}

/** What a country was seen to do in the last day. */
export interface Seen extends Record<string, string | number> {
  country: string;
  sent: number;
  confirmed: number;
}

/** What staff can be told of, each from plain values. */
export const alerts = {
  budgetUsedUp: (budget: number): Alert => ({
    heading: 'sms.alert.budgetHeading',
    text: 'sms.alert.budget',
    event: 'budget-used-up',
    detail: { budget },
  }),
  pumpingSuspected: (seen: Seen): Alert => ({
    heading: 'sms.alert.pumpingHeading',
    text: 'sms.alert.pumping',
    event: 'pumping-suspected',
    detail: seen,
  }),
  countryStopped: (seen: Seen): Alert => ({
    heading: 'sms.alert.stoppedHeading',
    text: 'sms.alert.stopped',
    event: 'country-stopped',
    detail: seen,
  }),
};

/** The mail of an alert. */
export function noticeOf({ heading, text, detail }: Alert): FactorNotice {
  return { heading, text, params: detail, path };
}

/** Tells staff, by mail and in the audit. */
export function createAlerts(host: GuardHost, counters: Counters) {
  async function tellOnce(what: string, alert: Alert): Promise<void> {
    const { event, detail } = alert;
    const id = `told ${what}`;
    if ((await counters.read(id)) > 0) return;
    // The mail first, itself sent once: whoever dies in between leaves the rest to the next refusal.
    await host.tellStaff('mfa.policy', { ...noticeOf(alert), once: `sms ${id}` });
    const told = { id, most: 1, window: { until: nextStart(host.now(), dayMs) } };
    if ((await counters.take([told], what)) === null) await host.auditAlone(event, { outcome: 'failure', detail });
  }

  /** What can't be told must not keep a message from being judged. */
  async function tell(what: string, alert: Alert): Promise<void> {
    try {
      await tellOnce(what, alert);
    } catch (error) {
      host.log.error({ err: error, event: alert.event }, 'staff could not be told');
    }
  }

  return {
    /** Once a day. */
    budgetUsedUp: (budget: number) => tell(`budget ${utcDay(host.now())}`, alerts.budgetUsedUp(budget)),
    /** Once a day for each country. */
    pumpingSuspected: (seen: Seen) =>
      tell(`suspected ${seen.country} ${utcDay(host.now())}`, alerts.pumpingSuspected(seen)),
    /** At each stop: staff may have let the country go on in between. */
    countryStopped: (seen: Seen) =>
      tell(`stopped ${seen.country} ${host.now().toISOString()}`, alerts.countryStopped(seen)),
  };
}
