import assert from 'node:assert/strict';
import type { Request, Response } from 'express';
import { inRequestContext, readAnew, readOnce, requestContext, withRequestContext } from '../request-context.ts';

const request = { get: () => 'a browser', ip: '192.0.2.1' } as unknown as Request;

/** Runs what a request does, and gives the context it ran in. */
async function inRequest<T>(work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    void withRequestContext(request, {} as Response, () => {
      work().then(resolve, reject);
    });
  });
}

describe('What a request has read', () => {
  let reads = 0;
  const read = () => readOnce('policy', () => Promise.resolve((reads += 1)));
  beforeEach(() => {
    reads = 0;
  });

  it('is read once for all that asks for it, at the same time too', async () => {
    await inRequest(async () => {
      assert.deepEqual(await Promise.all([read(), read()]), [1, 1]);
      assert.equal(await read(), 1);
    });
  });

  it('is read anew by the next request, and by another beside it', async () => {
    assert.deepEqual(await Promise.all([inRequest(read), inRequest(read)]), [1, 2]);
    assert.equal(await inRequest(read), 3);
  });

  it('is read anew once the request has changed it', async () => {
    await inRequest(async () => {
      assert.equal(await read(), 1);
      readAnew('pol');
      assert.equal(await read(), 2);
      readAnew('something else');
      assert.equal(await read(), 2);
    });
  });

  it('is not kept where reading failed', async () => {
    await inRequest(async () => {
      await assert.rejects(
        readOnce('policy', () => Promise.reject(new Error('away'))),
        /away/,
      );
      assert.equal(await read(), 1);
    });
  });

  it('is nothing to jobs and commands, nor to what is done later in the name of a request', async () => {
    assert.deepEqual([await read(), await read()], [1, 2]);
    const context = await inRequest(async () => {
      await read();
      return { ...requestContext() } as NonNullable<ReturnType<typeof requestContext>>;
    });
    await inRequestContext(context, async () => {
      assert.deepEqual([await read(), await read()], [4, 5]);
    });
  });
});
