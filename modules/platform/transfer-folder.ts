import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BSON, type Document, type IndexDescription } from 'mongodb';
import { z } from 'zod';
import { sumOf, TransferError, type CollectionSum, type Source, type Target } from './transfer.ts';

// Written last: a folder without it is no export, or one that was cut short.
const contentsFile = 'contents.json';
const contents = z.object({
  format: z.literal(1),
  collections: z.array(z.object({ collection: z.string(), count: z.number(), checksum: z.string() })),
});

/** A folder with, for each collection, its documents as canonical Extended JSON, one a line, and its indexes; and a list of all with their sums. */
export function folderEnd(folder: string): Source & Target {
  const fileOf = (collection: string, ending: string): string =>
    join(folder, `${encodeURIComponent(collection)}.${ending}`);
  const list = async (): Promise<CollectionSum[]> => {
    const parsed = contents.safeParse(await readFrom(join(folder, contentsFile), JSON.parse));
    if (!parsed.success)
      throw damaged(join(folder, contentsFile), 'is not the list of an export that this version can read');
    return parsed.data.collections;
  };
  const end: Source & Target = {
    async assertWhole() {
      for (const { collection, count, checksum } of await list()) {
        const found = await sumOf(end, collection);
        await end.indexes(collection);
        if (found.count !== count || found.checksum !== checksum) {
          throw damaged(fileOf(collection, 'jsonl'), `does not hold the ${String(count)} documents that were exported`);
        }
      }
    },
    collections: async () => (await list()).map(({ collection }) => collection),
    async indexes(collection) {
      const file = fileOf(collection, 'indexes.json');
      const indexes = await readFrom(file, parseExactly);
      if (!Array.isArray(indexes)) throw damaged(file, 'is no list of indexes');
      return indexes as IndexDescription[];
    },
    async *documents(collection) {
      const file = fileOf(collection, 'jsonl');
      let number = 0;
      for await (const line of linesOf(file)) {
        number += 1;
        yield parseDocument(line, () => damaged(file, `holds no document in line ${String(number)}`));
      }
    },
    async assertEmpty() {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      if ((await readdir(folder)).length === 0) return;
      throw new TransferError(`The folder ${folder} is not empty. Choose an empty one: nothing was written.`);
    },
    create: (collection, indexes) =>
      write(fileOf(collection, 'indexes.json'), BSON.EJSON.stringify(indexes, { relaxed: false })),
    fill: (collection, documents) =>
      pipeline(
        Readable.from(toLines(documents)),
        createWriteStream(fileOf(collection, 'jsonl'), { mode: 0o600, flush: true }),
      ),
    finish: (sums) => write(join(folder, contentsFile), JSON.stringify({ format: 1, collections: sums }, null, 2)),
  };
  return end;
}

function write(file: string, text: string): Promise<void> {
  return writeFile(file, `${text}\n`, { mode: 0o600, flush: true });
}

async function readFrom(file: string, parse: (text: string) => unknown): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw damaged(file, isMissing(error) ? 'is missing' : 'cannot be read', error);
  });
  try {
    return parse(text);
  } catch (error) {
    throw damaged(file, 'is no JSON', error);
  }
}

// Split at line feeds alone: readline also takes U+2028, which JSON lets stand in texts.
async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = '';
  try {
    for await (const chunk of createReadStream(file, {
      encoding: 'utf8',
      highWaterMark: 2 ** 20,
    }) as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (error) {
    throw damaged(file, isMissing(error) ? 'is missing' : 'cannot be read', error);
  }
  if (rest !== '') throw damaged(file, 'ends in the middle of a line');
}

async function* toLines(documents: AsyncIterable<Document>): AsyncGenerator<string> {
  for await (const document of documents) yield `${BSON.EJSON.stringify(document, { relaxed: false })}\n`;
}

function parseDocument(line: string, damage: () => TransferError): Document {
  let value: unknown;
  try {
    value = parseExactly(line);
  } catch {
    throw damage();
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw damage();
  return value;
}

function parseExactly(text: string): unknown {
  return BSON.EJSON.parse(text, { relaxed: false });
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function damaged(file: string, how: string, cause?: unknown): TransferError {
  return new TransferError(`The exported folder is damaged: ${basename(file)} ${how}.`, { cause });
}
