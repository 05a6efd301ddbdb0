import type { MailSample, TextSample } from '../../kernel/factor.ts';
import { toGsm } from './gateways/gsm.ts';
import { alerts, noticeOf } from './guard/alerts.ts';
import { codeText, goneText, type TextWords } from './texts.ts';
import { gatewayFailing, gatewayQueueing, unattended } from './trouble.ts';

/** Every text that is sent, with a code that is none. */
export function textSamples(words: TextWords): TextSample[] {
  return [
    { kind: 'code', text: codeText(words, '000000') },
    { kind: 'notice', text: goneText(words) },
  ].map((sample) => ({ ...sample, septets: toGsm(sample.text)?.length ?? null }));
}

/** Every mail to staff about what is sent. */
export function mailSamples(): MailSample[] {
  const seen = { country: 'NZ', sent: 60, confirmed: 4 };
  return [
    { name: 'budget-used-up', notice: noticeOf(alerts.budgetUsedUp(500)) },
    { name: 'pumping-suspected', notice: noticeOf(alerts.pumpingSuspected(seen)) },
    { name: 'country-stopped', notice: noticeOf(alerts.countryStopped(seen)) },
    { name: 'gateway-failing', notice: gatewayFailing({ gateway: 'first', fault: 'ECONNREFUSED' }) },
    { name: 'gateway-queueing', notice: gatewayQueueing({ gateway: 'first' }) },
    { name: 'messages-unattended', notice: unattended },
  ];
}
