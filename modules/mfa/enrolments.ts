import { Schema, Types, type Connection, type Model } from 'mongoose';
import type { AnyFactor, Enrolment, SetUpOwner } from '../kernel/factor.ts';
import type { Clock } from '../kernel/ports.ts';
import { rowsOf } from '../platform/mongo.ts';
import { isDuplicateKey } from '../kernel/duplicate-key.ts';
import { readAnew, readOnce } from '../platform/request-context.ts';

/** An enrolment as stored. `state` is the factor's private half, guarded by its own schema. */
export interface EnrolmentRow {
  _id: Types.ObjectId;
  schemaVersion: number;
  personId: string;
  factor: string;
  status: 'pending' | 'active';
  name: string;
  rev: number;
  epoch: number;
  createdAt: Date;
  confirmedAt: Date | null;
  lastUsedAt: Date | null;
  /** The sign-in that a running set-up belongs to; empty where it is begun and confirmed in one request. */
  signInId: string;
  /** The person's session epoch at the time: a set-up is over when the sign-in that began it is. */
  sessionEpoch: number;
  /** Begun by somebody who had no primary factor. */
  isFirst: boolean;
  /** When a running set-up is over; null for an active one. */
  pendingUntil: Date | null;
  /** The sign-in that sets up what will take this one's place, with which factor, and until when it may. */
  replacement: { signInId: string; factor: string; until: Date } | null;
  state: unknown;
}

const pendingMinutes = 30;

/** The engine's one collection of enrolments. Rows of factors that are gone still load, without their private half being understood. */
export class Enrolments {
  private readonly base: Model<EnrolmentRow>;
  private readonly models = new Map<string, Model<EnrolmentRow>>();
  private readonly clock: Clock;

  constructor(connection: Connection, clock: Clock) {
    this.clock = clock;
    const schema = new Schema<EnrolmentRow>(
      {
        schemaVersion: { type: Number, required: true },
        personId: { type: String, required: true },
        status: { type: String, enum: ['pending', 'active'], required: true },
        name: { type: String, required: true },
        rev: { type: Number, required: true },
        epoch: { type: Number, required: true },
        createdAt: { type: Date, required: true },
        confirmedAt: { type: Date, default: null },
        lastUsedAt: { type: Date, default: null },
        signInId: { type: String, default: '' },
        sessionEpoch: { type: Number, default: 0 },
        isFirst: { type: Boolean, default: false },
        pendingUntil: { type: Date, default: null },
        replacement: {
          type: new Schema({ signInId: String, factor: String, until: Date }, { _id: false }),
          default: null,
        },
      },
      { versionKey: false, strict: 'throw', collection: 'enrolments', discriminatorKey: 'factor', minimize: false },
    );
    schema.index({ personId: 1, status: 1 });
    schema.index(
      { personId: 1, factor: 1, signInId: 1 },
      { unique: true, partialFilterExpression: { status: 'pending' }, name: 'onePending' },
    );
    schema.index({ 'state.fingerprint': 1 }, { sparse: true });
    schema.index({ pendingUntil: 1 }, { expireAfterSeconds: 86_400 });
    this.base = connection.model<EnrolmentRow>('Enrolment', schema);
  }

  /** Makes room for a factor's private half. All writes of its enrolments go through this model: the base would drop its fields silently. */
  addFactor(definition: AnyFactor): void {
    const schema = new Schema<EnrolmentRow>(
      { state: { type: definition.state, required: true } },
      { strict: 'throw', minimize: false },
    );
    this.models.set(
      definition.id,
      this.base.discriminator<EnrolmentRow>(`Enrolment:${definition.id}`, schema, definition.id),
    );
  }

  private model(factor: string): Model<EnrolmentRow> {
    const model = this.models.get(factor);
    if (!model) throw new Error(`No factor ${factor} is installed.`);
    return model;
  }

  /** All active enrolments of a person, of every factor and epoch, oldest first. */
  async activeOf(personId: string): Promise<EnrolmentRow[]> {
    const rows = await readOnce(readKey(personId), () =>
      rowsOf(this.base).find({ personId, status: 'active' }).toArray(),
    );
    // They are few: sorted here they cost the database less.
    return [...rows].sort(oldestFirst);
  }

  /** What the request has read of the person's enrolments counts no longer: it is about to change them, or has. */
  forgetRead(personId: string): void {
    readAnew(readKey(personId));
  }

  private async changing<T>(personId: string, change: () => PromiseLike<T>): Promise<T> {
    try {
      return await change();
    } finally {
      this.forgetRead(personId);
    }
  }

  async activeOfMany(personIds: readonly string[]): Promise<EnrolmentRow[]> {
    return this.base
      .find({ personId: { $in: personIds }, status: 'active' })
      .sort({ confirmedAt: 1, _id: 1 })
      .lean<EnrolmentRow[]>();
  }

  async byId(personId: string, id: string): Promise<EnrolmentRow | null> {
    if (!/^[0-9a-f]{24}$/.test(id)) return null;
    return this.base.findOne({ _id: id, personId, status: 'active' }).lean<EnrolmentRow>();
  }

  async pendingOf(owner: SetUpOwner, factor: string): Promise<EnrolmentRow | null> {
    return this.model(factor)
      .findOne({ ...ownedBy(owner), status: 'pending', pendingUntil: { $gt: this.clock.now() } })
      .lean<EnrolmentRow>();
  }

  /** Starts a set-up; an earlier one of the same sign-in and factor is dead from then on. */
  async begin(options: {
    owner: SetUpOwner;
    sessionEpoch: number;
    isFirst: boolean;
    factor: string;
    epoch: number;
    name: string;
    make: (id: string) => unknown;
  }): Promise<EnrolmentRow> {
    const model = this.model(options.factor);
    for (let attempt = 0; ; attempt += 1) {
      await model.deleteMany({ ...ownedBy(options.owner), status: 'pending' });
      const id = new Types.ObjectId();
      const now = this.clock.now();
      const row = {
        _id: id,
        schemaVersion: 1,
        ...ownedBy(options.owner),
        sessionEpoch: options.sessionEpoch,
        isFirst: options.isFirst,
        factor: options.factor,
        status: 'pending' as const,
        name: options.name,
        rev: 0,
        epoch: options.epoch,
        createdAt: now,
        confirmedAt: null,
        lastUsedAt: null,
        pendingUntil: new Date(now.getTime() + pendingMinutes * 60_000),
        replacement: null,
        state: options.make(id.toHexString()),
      };
      try {
        await this.changing(row.personId, () => model.insertMany([row]));
        return row;
      } catch (error) {
        if (!isDuplicateKey(error) || attempt >= 3) throw error;
      }
    }
  }

  async discardPending(owner: SetUpOwner, factor: string): Promise<void> {
    await this.model(factor).deleteMany({ ...ownedBy(owner), status: 'pending' });
  }

  /** Pending becomes active in one conditional write; null when it is over, replaced or already confirmed. */
  async confirm(
    seen: { id: string; personId: string; rev: number },
    factor: string,
    next: { state: unknown; name: string },
  ): Promise<EnrolmentRow | null> {
    const now = this.clock.now();
    return this.changing(seen.personId, () =>
      this.model(factor)
        .findOneAndUpdate(
          { _id: seen.id, personId: seen.personId, rev: seen.rev, status: 'pending', pendingUntil: { $gt: now } },
          {
            $set: { status: 'active', confirmedAt: now, pendingUntil: null, name: next.name, state: next.state },
            $inc: { rev: 1 },
          },
          { returnDocument: 'after', runValidators: true },
        )
        .lean<EnrolmentRow>(),
    );
  }

  /** Compare-and-set on `rev`: of any number of writers that saw the same revision, one wins. */
  async swap(
    seen: { id: string; personId: string; rev: number },
    factor: string,
    next: { state: unknown; used: boolean },
  ): Promise<boolean> {
    const result = await this.changing(seen.personId, () =>
      this.model(factor).updateOne(
        { _id: seen.id, personId: seen.personId, rev: seen.rev },
        { $set: { state: next.state, ...(next.used ? { lastUsedAt: this.clock.now() } : {}) }, $inc: { rev: 1 } },
        { runValidators: true },
      ),
    );
    return result.modifiedCount === 1;
  }

  /** No set-up of this sign-in replaces anything any more. */
  async dropReplacements({ personId, signInId }: SetUpOwner): Promise<void> {
    if (signInId === null) return;
    await this.changing(personId, () =>
      this.base.updateMany({ personId, 'replacement.signInId': signInId }, { $set: { replacement: null } }),
    );
  }

  /** Whose active enrolments of a factor have this fingerprint. */
  async holdersOf(factor: string, fingerprint: string, epoch: number): Promise<string[]> {
    const rows = await this.base
      .find({ factor, status: 'active', epoch, 'state.fingerprint': fingerprint }, { personId: 1 })
      .limit(200)
      .lean<Pick<EnrolmentRow, 'personId'>[]>();
    return rows.map((row) => row.personId);
  }

  /** Everybody who has an active enrolment of an epoch. */
  async peopleOf(epoch: number): Promise<string[]> {
    const rows = await this.base
      .find({ status: 'active', epoch }, { personId: 1 })
      .lean<Pick<EnrolmentRow, 'personId'>[]>();
    return [...new Set(rows.map((row) => row.personId))];
  }

  /** Drops every running set-up of a person, of whatever sign-in and factor. */
  async discardAll(personId: string): Promise<void> {
    await this.base.deleteMany({ personId, status: 'pending' });
  }

  /** How a running set-up was begun: by which sign-in, in which epochs, and whether by somebody without a primary factor. */
  async begunAs(seen: {
    id: string;
    personId: string;
  }): Promise<Pick<EnrolmentRow, 'isFirst' | 'signInId' | 'epoch' | 'sessionEpoch'> | null> {
    return this.base
      .findOne({ _id: seen.id, personId: seen.personId }, { isFirst: 1, signInId: 1, epoch: 1, sessionEpoch: 1 })
      .lean<EnrolmentRow>();
  }

  /**
   * From now on a set-up of this factor, by this sign-in, takes the enrolment's place; until that is confirmed nothing changes. One at a
   * time: what the sign-in wanted to replace before, and left, stays.
   */
  async startReplacement(row: EnrolmentRow, by: { signInId: string; factor: string }): Promise<boolean> {
    await this.dropReplacements({ personId: row.personId, signInId: by.signInId });
    const until = new Date(this.clock.now().getTime() + pendingMinutes * 60_000);
    const result = await this.base.updateOne(
      { _id: row._id, personId: row.personId, status: 'active' },
      { $set: { replacement: { ...by, until } } },
    );
    return result.matchedCount === 1;
  }

  /** The enrolment that a set-up of this factor, by this sign-in, is to replace. */
  async replacedBy(personId: string, signInId: string | null, factor: string): Promise<EnrolmentRow | null> {
    if (signInId === null || signInId === '') return null;
    return this.base
      .findOne({
        personId,
        status: 'active',
        'replacement.signInId': signInId,
        'replacement.factor': factor,
        'replacement.until': { $gt: this.clock.now() },
      })
      .lean<EnrolmentRow>();
  }

  async rename(row: EnrolmentRow, name: string): Promise<boolean> {
    const result = await this.changing(row.personId, () =>
      this.base.updateOne(
        { _id: row._id, personId: row.personId, status: 'active' },
        { $set: { name }, $inc: { rev: 1 } },
      ),
    );
    return result.modifiedCount === 1;
  }

  async remove(row: EnrolmentRow): Promise<boolean> {
    const result = await this.changing(row.personId, () =>
      this.base.deleteOne({ _id: row._id, personId: row.personId }),
    );
    return result.deletedCount === 1;
  }
}

const readKey = (personId: string) => `enrolments ${personId}`;

function oldestFirst(one: EnrolmentRow, other: EnrolmentRow): number {
  const age = (one.confirmedAt?.getTime() ?? 0) - (other.confirmedAt?.getTime() ?? 0);
  return age === 0 ? (one._id.toHexString() < other._id.toHexString() ? -1 : 1) : age;
}

const ownedBy = ({ personId, signInId }: SetUpOwner) => ({ personId, signInId: signInId ?? '' });

/** A row as its factor sees it. */
export function asEnrolment(row: EnrolmentRow): Enrolment<unknown> {
  return {
    id: row._id.toHexString(),
    personId: row.personId,
    status: row.status,
    name: row.name,
    rev: row.rev,
    createdAt: row.createdAt,
    confirmedAt: row.confirmedAt,
    lastUsedAt: row.lastUsedAt,
    state: row.state,
  };
}
