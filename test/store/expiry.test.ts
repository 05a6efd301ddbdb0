import assert from 'node:assert/strict';
import type { Document } from 'mongodb';
import { transfer, type Source, type Target } from '../../modules/platform/transfer.ts';

const gone = { _id: 2, goneAt: new Date(0) };
const kept = { _id: 3, goneAt: new Date('2999-01-01') };

describe('Copying what expires', () => {
  it('is no difference when the source has let a document expire meanwhile', async () => {
    const [sum] = await transfer(
      sourceOf([
        [{ _id: 1 }, gone, kept],
        [{ _id: 1 }, kept],
      ]),
      emptyTarget(),
    );
    assert.equal(sum?.count, 3);
  });

  it('is a difference when a document has gone that has not expired, or one has come', async () => {
    for (const later of [
      [gone, kept],
      [{ _id: 1 }, gone],
      [{ _id: 1 }, gone, kept, { _id: 4 }],
    ]) {
      await assert.rejects(
        transfer(sourceOf([[{ _id: 1 }, gone, kept], later]), emptyTarget()),
        /^TransferError: sessions differs/,
      );
    }
  });
});

/** A source whose documents are others each time they are read. */
function sourceOf(readings: Document[][]): Source {
  return {
    assertWhole: () => Promise.resolve(),
    collections: () => Promise.resolve(['sessions']),
    indexes: () => Promise.resolve([{ name: 'gone', key: { goneAt: 1 }, expireAfterSeconds: 60 }]),
    documents: () => streamOf(readings.shift() ?? []),
  };
}

function emptyTarget(): Source & Target {
  const held: Document[] = [];
  return {
    ...sourceOf([]),
    documents: () => streamOf(held),
    assertEmpty: () => Promise.resolve(),
    create: () => Promise.resolve(),
    fill: async (_collection, documents) => {
      for await (const document of documents) held.push(document);
    },
    finish: () => Promise.resolve(),
  };
}

async function* streamOf(documents: Document[]): AsyncGenerator<Document> {
  await Promise.resolve();
  yield* documents;
}
