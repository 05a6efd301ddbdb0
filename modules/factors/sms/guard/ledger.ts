import type { UpdateQuery } from 'mongoose';
import type { FactorHost } from '../../../kernel/factor.ts';
import type { PersonKind } from '../../../kernel/person.ts';
import type { DeliveryReport, GatewayAnswer } from '../gateways/gateway.ts';
import { upserted } from './upserted.ts';
import { createFigures } from './figures.ts';
import { earlyReportsOf, messagesOf, type MessageRow, type MessageState } from './ledger-model.ts';
import type { BlockReason, Recipient } from './limits.ts';
import { maskNumber } from './number-parts.ts';
import { dayMs, hourMs, startOf } from './utc.ts';

/** How long a message is remembered. */
const keptMs = 90 * dayMs;

const sentStates: readonly MessageState[] = ['accepted', 'late', 'delivered', 'undelivered', 'unknown'];
const failedStates: readonly MessageState[] = ['refused', 'withdrawn'];

/** Over which states a report's word goes: the last word is that the phone has it. */
const under: Record<DeliveryReport['state'], readonly MessageState[]> = {
  delivered: ['queued', 'accepted', 'late', 'undelivered', 'refused', 'unknown', 'withdrawn'],
  undelivered: ['queued', 'accepted', 'late', 'refused', 'unknown', 'withdrawn'],
  late: ['queued', 'accepted', 'unknown'],
};

/** A message as lists show it. */
export type LedgerEntry = Pick<
  MessageRow,
  | 'personId'
  | 'personKind'
  | 'number'
  | 'country'
  | 'purpose'
  | 'state'
  | 'reason'
  | 'times'
  | 'gateway'
  | 'fault'
  | 'confirmedAt'
  | 'createdAt'
> & { id: string };

export type Noted = Recipient & { personKind: PersonKind };

/**
 * What became of each message, and the sums of it. The one who asked for a message, the worker that hands it over and the provider
 * that reports come in any order, in different processes: whoever is first makes the row.
 */
export function createLedger(host: Pick<FactorHost<unknown>, 'model' | 'now' | 'fingerprint'>) {
  const rows = messagesOf(host);
  const early = earlyReportsOf(host);
  const figures = createFigures(host);

  const later = (ms: number) => new Date(host.now().getTime() + ms);
  const begun = () => ({ createdAt: host.now(), forgetAt: later(keptMs) });
  const facts = ({ personId, personKind, number, country, purpose }: Noted) => ({
    ...{ personId, personKind, country, purpose },
    number: maskNumber(number, country),
  });
  const upsert = (filter: { _id: string; state?: object }, update: UpdateQuery<MessageRow>) =>
    upserted(() => rows.updateOne(filter, update, { upsert: true }));

  async function applyReport(filter: object, { state, fault }: Pick<DeliveryReport, 'state' | 'fault'>) {
    const row = await rows
      .findOneAndUpdate(
        { ...filter, state: { $in: under[state] } },
        { $set: { state, fault: fault ?? null } },
        { returnDocument: 'after' },
      )
      .lean<MessageRow>();
    return row?._id ?? (await rows.exists(filter))?._id ?? null;
  }

  /** Takes up what was reported too early, and adds to the sums what they lack; both once, whoever comes last. */
  async function settle(id: string): Promise<void> {
    let row = await rows.findById(id).lean<MessageRow>();
    if (!row) return;
    const names = [
      earlyId({ id }),
      ...(row.reference === null ? [] : [earlyId(row as { gateway: string; reference: string })]),
    ];
    const report = await early.findOneAndDelete({ _id: { $in: names } }).lean();
    if (report) {
      await applyReport(
        { _id: id },
        { state: report.state, ...(report.fault === null ? {} : { fault: report.fault }) },
      );
      row = (await rows.findById(id).lean<MessageRow>()) ?? row;
    }
    // Whose it is comes with the note; the sums wait for it.
    if (row.country !== null) await addUp(row as MessageRow & { country: string });
  }

  async function addUp(row: MessageRow & { country: string }): Promise<void> {
    const { _id, country, createdAt } = row;
    const claim = async (seen: object, set: object) =>
      (await rows.updateOne({ _id, ...seen }, { $set: set })).modifiedCount === 1;
    const group = sentStates.includes(row.state) ? 'sent' : failedStates.includes(row.state) ? 'failed' : null;
    if (group !== null && row.counted !== group && (await claim({ counted: row.counted }, { counted: group })))
      await figures.add(country, createdAt, { [group]: 1, ...(row.counted === null ? {} : { [row.counted]: -1 }) });
    if (row.state === 'delivered' && (await claim({ countedDelivered: false }, { countedDelivered: true })))
      await figures.add(country, createdAt, { delivered: 1 });
    if (row.confirmedAt !== null && (await claim({ countedConfirmed: false }, { countedConfirmed: true })))
      await figures.add(country, createdAt, { confirmed: 1 });
  }

  return {
    /** Whose a message is; its state only where nobody knows a better one. */
    async note(id: string, who: Noted, state: MessageState): Promise<void> {
      await upsert({ _id: id }, { $set: facts(who), $setOnInsert: { ...begun(), state } });
      await settle(id);
    },
    /** Refused by the guard. Once an hour a line: whoever asks a thousand times fills no list. */
    async blocked(who: Noted, reason: BlockReason): Promise<void> {
      const hour = startOf(host.now(), hourMs).toISOString();
      const id = host.fingerprint(JSON.stringify(['blocked', who.personId, who.fingerprint, reason, hour]));
      await upsert(
        { _id: id },
        { $set: { ...facts(who), reason }, $inc: { times: 1 }, $setOnInsert: { ...begun(), state: 'blocked' } },
      );
      await figures.add(who.country, host.now(), { [`blocked.${reason}`]: 1 });
    },
    /** What a gateway answered; may come before `note`, in another process. */
    async answered(id: string, answer: GatewayAnswer & { gateway: string }): Promise<void> {
      const { gateway, reference = null } = answer;
      const said = { gateway, reference, fault: answer.fate === 'accepted' ? null : answer.fault };
      const reported = { state: { $nin: ['delivered', 'undelivered'] } };
      if (
        !(await upsert({ _id: id, ...reported }, { $set: { ...said, state: stateOf(answer) }, $setOnInsert: begun() }))
      )
        // A report was faster: its word stays.
        await rows.updateOne({ _id: id }, { $set: { gateway, reference } });
      await settle(id);
    },
    /** A provider's later word. One about a message that nobody knows yet waits an hour for it. */
    async reported({ message, state, fault }: DeliveryReport): Promise<void> {
      const filter = 'id' in message ? { _id: message.id } : message;
      const about = { state, ...(fault === undefined ? {} : { fault }) };
      let id = await applyReport(filter, about);
      if (id === null) {
        const name = earlyId(message);
        await early.updateOne(
          { _id: name },
          { $set: { state, fault: fault ?? null, expiresAt: later(hourMs) } },
          { upsert: true },
        );
        // Noted while this was written: then the note has looked for it too early.
        id = (await rows.exists(filter))?._id ?? null;
      }
      if (id !== null) await settle(id);
    },
    /** The code of the message came back. */
    async confirmed(id: string): Promise<void> {
      const { modifiedCount } = await rows.updateOne(
        { _id: id, confirmedAt: null },
        { $set: { confirmedAt: host.now() } },
      );
      if (modifiedCount === 1) await settle(id);
    },
    /** Newest first; `after` is the last of the page before. */
    async list(count: number, after: { at: Date; id: string } | null = null): Promise<LedgerEntry[]> {
      const older = after && {
        $or: [{ createdAt: { $lt: after.at } }, { createdAt: after.at, _id: { $lt: after.id } }],
      };
      const found = await rows
        .find(older ?? {})
        .sort({ createdAt: -1, _id: -1 })
        .limit(count)
        .lean<MessageRow[]>();
      return found.map(({ _id, ...row }) => ({ ...row, id: _id }));
    },
    /** The sums of the last days, today included, by country. */
    figures: (days: number) => figures.ofLastDays(days),
    /** A person who is gone: the sums stay, nothing leads to them. */
    async forget(personId: string): Promise<void> {
      await rows.updateMany({ personId }, { $set: { personId: null, personKind: null, number: null } });
    },
  };
}

function stateOf(answer: GatewayAnswer): MessageState {
  if (answer.fate === 'accepted') return answer.late ? 'late' : 'accepted';
  return answer.fate;
}

function earlyId(message: DeliveryReport['message']): string {
  return 'id' in message ? `message ${message.id}` : `gateway ${message.gateway} ${message.reference}`;
}

export type Ledger = ReturnType<typeof createLedger>;
