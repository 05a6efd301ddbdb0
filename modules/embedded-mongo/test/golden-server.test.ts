import assert from 'node:assert/strict';

import { Long } from 'bson';
import { MongoClient, MongoServerError, type Document } from 'mongodb';

import type { Store } from '../index.ts';
import { canonical, hasUnorderedSeeds, readGolden, type GoldenLine } from './golden-support.ts';
import { openTemporaryStore, temporaryFolder } from './store-support.ts';

const RAW = {
  promoteValues: false,
  promoteLongs: false,
  promoteBuffers: false,
  bsonRegExp: true,
  fieldsAsRaw: Object.create(null) as Document,
};

type Fields = Record<string, unknown>;

describe('The embedded store, asked through the official driver', () => {
  let store: Store & { remove: () => Promise<void> };
  let client: MongoClient;
  let golden: Golden;

  before(async () => {
    store = await openTemporaryStore({ folder: await temporaryFolder('/dev/shm') });
    client = await MongoClient.connect(store.uri);
    golden = new Golden(client);
  });

  after(async () => {
    await client.close();
    await store.remove();
  });

  const files: [string, string, (line: GoldenLine) => Promise<[unknown, unknown]>][] = [
    ['matches documents', 'filters.jsonl', (line) => golden.filter(line)],
    ['updates documents', 'updates.jsonl', (line) => golden.update(line)],
    ['aggregates', 'pipelines.jsonl', (line) => golden.pipeline(line)],
    ['sorts, pages and projects', 'sorts.jsonl', (line) => golden.sort(line)],
    ['writes, one step after the other,', 'writes.jsonl', (line) => golden.writes(line)],
    ['keeps indexes', 'indexes.jsonl', (line) => golden.indexes(line)],
    ['refuses', 'refusals.jsonl', (line) => golden.refusal(line)],
  ];
  for (const [what, file, replay] of files) {
    it(`${what} as MongoDB does (${file})`, async () => {
      const lines = readGolden(file);
      const failures: string[] = [];
      for (const [i, line] of lines.entries()) {
        const [actual, expected] = (await replay(line)).map((side) => canonical(side, { now: new Date() }));
        if (actual !== expected)
          failures.push(`line ${i + 1}: ${JSON.stringify(line).slice(0, 1500)}\n  got  ${actual}\n  want ${expected}`);
      }
      assert.equal(
        failures.length,
        0,
        `${failures.length} of ${lines.length} lines differ\n${failures.slice(0, 5).join('\n')}`,
      );
    }).timeout(60_000);
  }
});

/** Replays lines as the README of the golden cases says; answers what the store said and what MongoDB said. */
class Golden {
  private readonly client: MongoClient;
  private mustDrop = true;

  constructor(client: MongoClient) {
    this.client = client;
  }

  async filter(line: GoldenLine): Promise<[unknown, unknown]> {
    await this.prepare(line);
    const answer = await this.ask({ find: 'c', filter: line.filter, projection: { _id: 1 } });
    if (answer.error !== undefined || line.error !== undefined) return [answer.error, line.error];
    const ids = (documents: unknown[]): string[] => documents.map((id) => canonical(id)).sort();
    return [ids((await this.rest(answer)).map((doc) => doc._id)), ids(line.ids as unknown[])];
  }

  async update(line: GoldenLine): Promise<[unknown, unknown]> {
    const { doc, filter, update, upsert } = line;
    await this.prepare({ docs: doc === null ? [] : [doc] });
    const answer = await this.ask({
      update: 'c',
      updates: [{ q: filter, u: update, ...(upsert === undefined ? {} : { upsert }) }],
    });
    const [upserted] = (answer.upserted ?? []) as [{ _id: unknown }?];
    const which = upserted ? { _id: upserted._id } : {};
    const [document = null] = await this.rest(await this.ask({ find: 'c', filter: which }));
    const error = answer.error ?? firstWriteError(answer);
    if (error !== undefined || line.error !== undefined)
      return [
        { error, document },
        { error: line.error, document: doc },
      ];
    const reply = { n: Number(answer.n), nModified: Number(answer.nModified), ...given({ upserted: answer.upserted }) };
    const sortFields = upserted !== undefined && hasUnorderedSeeds(filter);
    const show = (value: unknown): string => canonical(value, { now: new Date(), sortFields });
    return [
      [show(document), inOrder(reply)],
      [show(line.after), inOrder(line.reply as Fields)],
    ];
  }

  async pipeline(line: GoldenLine): Promise<[unknown, unknown]> {
    await this.prepare(line);
    return this.documents(await this.ask({ aggregate: 'c', pipeline: line.pipeline, cursor: {} }), line);
  }

  async sort(line: GoldenLine): Promise<[unknown, unknown]> {
    await this.prepare(line);
    return this.documents(await this.ask({ find: 'c', ...(line.find as Fields) }), line);
  }

  async writes(line: GoldenLine): Promise<[unknown, unknown]> {
    await this.clear(true);
    await this.prepare(line);
    const [actual, expected] = await this.steps(line);
    const final = await this.rest(await this.ask({ find: 'c', filter: {}, sort: { _id: 1 } }));
    return [
      [actual, final],
      [expected, line.final],
    ];
  }

  async indexes(line: GoldenLine): Promise<[unknown, unknown]> {
    await this.clear(true);
    return this.steps(line);
  }

  async refusal(line: GoldenLine): Promise<[unknown, unknown]> {
    await this.clear(true);
    await this.prepare(line);
    const answer = await this.ask(line.cmd as Document, typeof line.db === 'string' ? line.db : 'golden');
    return [answer.error ?? firstWriteError(answer), line.error];
  }

  private async steps(line: GoldenLine): Promise<[unknown, unknown]> {
    const actual: unknown[] = [];
    const expected: unknown[] = [];
    for (const { cmd, reply } of line.steps as { cmd: Document; reply: Fields }[]) {
      actual.push(inOrder(await this.reduce(cmd, await this.ask(cmd))));
      expected.push(inOrder(reply));
    }
    this.mustDrop = true;
    return [actual, expected];
  }

  private async documents(answer: Document, line: GoldenLine): Promise<[unknown, unknown]> {
    if (answer.error !== undefined || line.error !== undefined) return [answer.error, line.error];
    return [await this.rest(answer), line.result];
  }

  private async clear(drop: boolean): Promise<void> {
    if (!drop) await this.ask({ delete: 'c', deletes: [{ q: {}, limit: 0 }] });
    else for (const name of ['c', 'd', 'e']) await this.ask({ drop: name });
  }

  private async prepare({ docs, indexes }: Fields): Promise<void> {
    await this.clear(this.mustDrop);
    this.mustDrop = indexes !== undefined;
    if (Array.isArray(indexes) && indexes.length > 0)
      assert.equal((await this.ask({ createIndexes: 'c', indexes })).error, undefined);
    if (!Array.isArray(docs) || docs.length === 0) return;
    const answer = await this.ask({ insert: 'c', documents: docs });
    assert.equal(answer.error ?? firstWriteError(answer), undefined);
  }

  private async ask(command: Document, database = 'golden'): Promise<Document> {
    try {
      return await this.client.db(database).command(command, RAW);
    } catch (error) {
      if (!(error instanceof MongoServerError)) throw error;
      const { keyPattern, keyValue } = error.errorResponse;
      const { errmsg = '' } = error.errorResponse;
      const duplicate =
        Number(error.code) === 11000 ? { keyPattern, keyValue, errmsg: errmsg.slice(errmsg.indexOf('E11000')) } : {};
      return { error: Number(error.code), ...duplicate };
    }
  }

  /** All documents of a cursor, read to its end. */
  private async rest(answer: Document): Promise<Fields[]> {
    const { firstBatch, id, ns } = answer.cursor as { firstBatch: Fields[]; id: Long; ns: string };
    const documents = [...firstBatch];
    for (let next = id; !next.isZero();) {
      const more = await this.ask({ getMore: next, collection: ns.slice('golden.'.length) });
      const cursor = more.cursor as { nextBatch: Fields[]; id: Long };
      documents.push(...cursor.nextBatch);
      next = cursor.id;
    }
    return documents;
  }

  /** What of a reply is compared, for the steps of writes and indexes. */
  private async reduce(command: Document, answer: Document): Promise<Fields> {
    if (answer.error !== undefined) return answer;
    switch (Object.keys(command)[0]) {
      case 'insert':
      case 'delete':
      case 'count':
        return { n: Number(answer.n), ...reduceErrors(answer) };
      case 'update':
        return {
          n: Number(answer.n),
          nModified: Number(answer.nModified),
          ...given({ upserted: answer.upserted }),
          ...reduceErrors(answer),
        };
      case 'findAndModify': {
        const { n, updatedExisting, upserted } = answer.lastErrorObject as Fields;
        return { value: answer.value, n: Number(n), ...given({ updatedExisting, upserted }) };
      }
      case 'distinct':
        return { values: byText(answer.values as unknown[]) };
      case 'find':
      case 'aggregate': {
        const first =
          command.batchSize === undefined
            ? {}
            : { first: (answer.cursor as { firstBatch: unknown[] }).firstBatch.length };
        return { docs: await this.rest(answer), ...first };
      }
      case 'createIndexes': {
        const { numIndexesBefore, numIndexesAfter, note, createdCollectionAutomatically } = answer;
        const rest = note === undefined ? { createdCollectionAutomatically } : { note };
        return { numIndexesBefore: Number(numIndexesBefore), numIndexesAfter: Number(numIndexesAfter), ...rest };
      }
      case 'dropIndexes':
        return { nIndexesWas: Number(answer.nIndexesWas), ...given({ msg: answer.msg }) };
      case 'listIndexes': {
        const specs = (await this.rest(answer)).sort((a, b) => (String(a.name) < String(b.name) ? -1 : 1));
        return { indexes: specs.map((spec) => inOrder(spec)) };
      }
      case 'listCollections': {
        const shown = (await this.rest(answer)).map(({ name, type }) => ({ name, type }));
        return { collections: shown.sort((a, b) => (String(a.name) < String(b.name) ? -1 : 1)) };
      }
      case 'explain':
        return { index: indexNameIn((answer.queryPlanner as Fields).winningPlan) };
      default:
        return { ok: Number(answer.ok) };
    }
  }
}

function firstWriteError({ writeErrors }: Document): number | undefined {
  return Array.isArray(writeErrors) ? Number((writeErrors[0] as Fields).code) : undefined;
}

function reduceErrors({ writeErrors }: Document): Fields {
  if (!Array.isArray(writeErrors)) return {};
  return {
    writeErrors: (writeErrors as Fields[]).map(({ index, code, keyPattern, keyValue, errmsg }) =>
      inOrder({
        index: Number(index),
        code: Number(code),
        ...given({ keyPattern, keyValue }),
        ...(Number(code) === 11000 ? { errmsg } : {}),
      }),
    ),
  };
}

function given(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** Field order counts in documents and not in replies; numbers of a reply compare as numbers. */
function inOrder(reply: Fields): string {
  const text = (value: unknown): string =>
    Array.isArray(value) ? `[${value.map(text).join()}]` : canonical(value, { now: new Date() });
  return Object.entries(reply)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([name, value]) =>
        `${name}=${name === 'writeErrors' || name === 'indexes' || name === 'upserted' ? entriesText(value) : text(value)}`,
    )
    .join(' ');
}

function entriesText(value: unknown): string {
  if (!Array.isArray(value)) return canonical(value, { now: new Date() });
  return value.map((entry) => (typeof entry === 'string' ? entry : inOrder(entry as Fields))).join(' | ');
}

function byText(values: unknown[]): unknown[] {
  return values
    .map((value) => [JSON.stringify(value), value] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, value]) => value);
}

function indexNameIn(stage: unknown): unknown {
  if (stage === null || typeof stage !== 'object') return null;
  const { indexName, inputStage } = stage as Fields;
  return indexName ?? indexNameIn(inputStage);
}
