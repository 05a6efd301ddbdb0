import assert from 'node:assert';
import { MongoError } from '../errors.ts';
import { compileFilter, type Filter } from '../match.ts';
import { compare, toInteger, toValue, type Doc, type Value } from '../values.ts';
import { compilePipeline, limitSteps, skipSteps } from '../pipeline.ts';
import { compileProjection } from '../projection.ts';
import { compileSort, sortSteps, type Sort, type Step } from '../sort.ts';
import { applyUpsert, compileUpdate } from '../update.ts';
import { canonical, failingLines, hasUnorderedSeeds, readGolden, type GoldenLine } from './golden-support.ts';

const NOW = new Date();

describe('The language of the embedded store', () => {
  it('answers every golden filter as MongoDB does', () => {
    assert.strictEqual(failingLines(readGolden('filters.jsonl'), checkFilter), undefined);
  });

  it('answers every golden update as MongoDB does', () => {
    assert.strictEqual(failingLines(readGolden('updates.jsonl'), checkUpdate), undefined);
  });

  it('answers every golden pipeline as MongoDB does', () => {
    assert.strictEqual(failingLines(readGolden('pipelines.jsonl'), checkPipeline), undefined);
  });

  it('answers every golden sort and projection as MongoDB does', () => {
    assert.strictEqual(failingLines(readGolden('sorts.jsonl'), checkSort), undefined);
  });
});

function docOf(value: unknown): Doc {
  const doc = toValue(value);
  assert(doc instanceof Map);
  return doc;
}

function docsOf(value: unknown): Doc[] {
  assert(Array.isArray(value));
  return value.map(docOf);
}

/** The answer to a line beside what the line expects; an error is its code. */
function compareAnswers(
  line: GoldenLine,
  expected: Value,
  answer: () => { text: string; expectedText?: string },
): string | undefined {
  const wanted = line['error'] === undefined ? canonical(expected) : `error ${canonical(line['error'])}`;
  let got: string;
  let wantedText = wanted;
  try {
    const { text, expectedText } = answer();
    got = text;
    if (line['error'] === undefined && expectedText !== undefined) wantedText = expectedText;
  } catch (error) {
    if (!(error instanceof MongoError)) throw error;
    got = `error ${error.code}`;
  }
  return got === wantedText ? undefined : `expected ${wantedText}\n  got ${got}\n  for ${canonical(line)}`;
}

function checkFilter(line: GoldenLine): string | undefined {
  return compareAnswers(line, toValue(line['ids'] ?? null), () => {
    const filter = compileFilter(docOf(line['filter']));
    const ids = docsOf(line['docs'])
      .filter((doc) => filter.matches(doc))
      .map((doc) => doc.get('_id') ?? null);
    return { text: canonical(ids.sort(compare)) };
  });
}

function checkUpdate(line: GoldenLine): string | undefined {
  return compareAnswers(line, null, () => {
    const before = line['doc'] === null ? undefined : docOf(line['doc']);
    const filter = compileFilter(docOf(line['filter']));
    const update = compileUpdate(toValue(line['update']));
    const options = { now: NOW, sortFields: false };
    const reply = toValue(line['reply'] ?? null);
    const wanted = { after: line['after'], n: reply instanceof Map ? toInteger(reply.get('n')) : 0 };
    if (before && filter.matches(before)) {
      const context = { position: filter.position(before), now: NOW };
      const { doc, modified } = update.apply(before, context);
      const nModified = reply instanceof Map ? toInteger(reply.get('nModified')) : 0;
      return {
        text: `${canonical(doc, options)} modified ${Number(modified)}`,
        expectedText: `${canonical(wanted.after, options)} modified ${nModified}`,
      };
    }
    if (line['upsert'] !== true) {
      return { text: `${canonical(before)} n 0`, expectedText: `${canonical(wanted.after)} n ${wanted.n}` };
    }
    options.sortFields = hasUnorderedSeeds(line['filter']);
    const inserted = applyUpsert(filter, update, NOW);
    if (before && compare(before.get('_id'), inserted.get('_id')) === 0) throw new MongoError(11000, 'duplicate');
    return { text: canonical(inserted, options), expectedText: canonical(wanted.after, options) };
  });
}

/** What a find does with documents: filter, sort, skip and limit, projection. */
interface Find {
  match?: Filter | undefined;
  sort?: Sort | undefined;
  skip: number;
  limit?: number | undefined;
}

function find(docs: Doc[], { match, sort, skip, limit = Infinity }: Find): Iterable<Step> {
  const matching: Step[] = docs.map((doc) => (match === undefined || match.matches(doc) ? doc : undefined));
  const sorted = sort === undefined ? matching : sortSteps(matching, sort, skip + limit);
  return limitSteps(skipSteps(sorted, skip), limit);
}

function allDocs(steps: Iterable<Step>): Doc[] {
  return [...steps].filter((step) => step !== undefined);
}

function checkPipeline(line: GoldenLine): string | undefined {
  return compareAnswers(line, toValue(line['result'] ?? null), () => {
    const stages = toValue(line['pipeline']);
    assert(Array.isArray(stages));
    const { head, rest } = compilePipeline(stages);
    return { text: canonical(allDocs(rest(find(docsOf(line['docs']), head)))) };
  });
}

function checkSort(line: GoldenLine): string | undefined {
  return compareAnswers(line, toValue(line['result'] ?? null), () => {
    const options = docOf(line['find']);
    const [filter, sort, projection] = ['filter', 'sort', 'projection'].map((name) => docOption(options, name));
    const [skip = 0, limit = 0] = ['skip', 'limit', 'batchSize'].map((name) => numberOption(options, name));
    const docs = allDocs(
      find(docsOf(line['docs']), {
        match: filter && compileFilter(filter),
        sort: sort && compileSort(sort),
        skip,
        limit: limit === 0 ? undefined : limit,
      }),
    );
    return { text: canonical(projection && projection.size > 0 ? docs.map(compileProjection(projection)) : docs) };
  });
}

function docOption(options: Doc, name: string): Doc | undefined {
  const value = options.get(name);
  if (value !== undefined && !(value instanceof Map)) throw new MongoError(14, `${name} is no document`);
  return value;
}

function numberOption(options: Doc, name: string): number {
  const number = options.has(name) ? toInteger(options.get(name)) : 0;
  if (number === undefined) throw new MongoError(14, `${name} is no number`);
  return number;
}
