import type { Gateway, GatewayAnswer } from './gateway.ts';
import { callOver, judge, type CallOutcome } from './http-call.ts';
import { fill } from './template.ts';

export interface HttpOptions {
  kind: 'http';
  method: 'POST' | 'PUT';
  /** May hold {id}. */
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  format: 'json' | 'form';
  /** What tells that a message was taken; null: any status of success. */
  taken: { statuses: readonly number[] | null } | { pattern: RegExp };
  reference: RegExp | null;
}

const types = { json: 'application/json', form: 'application/x-www-form-urlencoded' };

/** Any provider that takes a message in one POST. */
export function createHttp(options: HttpOptions): Gateway {
  const hasType = Object.keys(options.headers).some((name) => name.toLowerCase() === 'content-type');

  return {
    name: 'http',
    async send({ id, to, text }, within) {
      const filling = { id, to, text, digits: to.slice(1) };
      const call = {
        url: new URL(fill(options.url, filling, 'form')),
        method: options.method,
        headers: {
          ...(hasType ? {} : { 'Content-Type': types[options.format] }),
          ...Object.fromEntries(
            Object.entries(options.headers).map(([name, value]) => [name, fill(value, filling, 'plain')]),
          ),
        },
        body: Buffer.from(fill(options.body, filling, options.format), 'utf8'),
      };
      return answerOf(options, await callOver(call, within));
    },
  };
}

function answerOf({ taken, reference }: HttpOptions, outcome: CallOutcome): GatewayAnswer {
  const refusal = judge(outcome);
  if (refusal || outcome.kind !== 'answered') return refusal ?? { fate: 'unknown', fault: 'http:answer' };
  const { status, body } = outcome;
  if ('pattern' in taken && !taken.pattern.test(body))
    // The operator said how a message that was taken is told; many providers refuse with a 200.
    return { fate: 'refused', fault: 'http:not-ok', permanent: false };
  if ('statuses' in taken && taken.statuses && !taken.statuses.includes(status))
    return { fate: 'unknown', fault: `http:${String(status)}` };
  const name = reference?.exec(body)?.[1];
  return { fate: 'accepted', late: false, ...(name === undefined ? {} : { reference: name.slice(0, 100) }) };
}
