import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import type { Request, Response } from 'express';
import { Refused } from '../../kernel/errors.ts';
import { createWaitingRoom } from '../http/waiting-room.ts';
import { freePlace, requestContext, withRequestContext } from '../request-context.ts';

type Fate = 'waits' | 'in work' | 'refused';

/** As much of an answer as a request in the room has. */
class Answer extends EventEmitter {
  destroyed = false;
  ends = 0;

  end(): this {
    this.ends += 1;
    return this;
  }
}

interface One {
  name: string;
  fate: Fate;
  error: unknown;
  answer(): void;
  hangUp(): void;
}

function room(options: { atATime: number; limit: number }) {
  const entered: string[] = [];
  const timers: { ms: number; run: () => void }[] = [];
  const handle = createWaitingRoom({
    ...options,
    passes: (req) => req.ip === 'signed in',
    lineOf: (req) => req.ip ?? '',
    after: (ms, run) => {
      const timer = { ms, run };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
  });
  const ask = (name: string, ip = 'one address'): One => {
    const res = new Answer();
    const one: One = {
      name,
      fate: 'waits',
      error: undefined,
      answer: () => void res.end(),
      hangUp: () => {
        res.destroyed = true;
        res.emit('close');
      },
    };
    void handle({ ip } as Request, res as unknown as Response, (error?: unknown) => {
      one.fate = error === undefined ? 'in work' : 'refused';
      one.error = error;
      if (error === undefined) entered.push(name);
    });
    return one;
  };
  return { ask, entered, timers, handle };
}

describe('the room where people wait who are not signed in', () => {
  it('holds nobody up while there are places, not even for a turn', () => {
    const { ask } = room({ atATime: 2, limit: 5 });
    const first = ask('first');
    assert.equal(first.fate, 'in work');
    assert.equal(ask('second').fate, 'in work');
    assert.equal(ask('third').fate, 'waits');
    first.answer();
  });

  it('lets the signed-in pass, however full it is', () => {
    const { ask } = room({ atATime: 1, limit: 1 });
    const [working, waiting, refused] = [ask('a'), ask('b'), ask('c')];
    assert.deepEqual([working.fate, waiting.fate, refused.fate], ['in work', 'waits', 'refused']);
    assert.equal(ask('inside', 'signed in').fate, 'in work');
  });

  it('lets the next in when an answer is given, in order, one for each', async () => {
    const { ask, entered } = room({ atATime: 2, limit: 5 });
    const all = ['a', 'b', 'c', 'd', 'e'].map((name) => ask(name));
    all[1]?.answer();
    all[1]?.answer();
    await turn();
    assert.deepEqual(entered, ['a', 'b', 'c']);
    all[0]?.answer();
    all[2]?.answer();
    await turn();
    assert.deepEqual(entered, ['a', 'b', 'c', 'd', 'e']);
  });

  it('refuses with 503 and Retry-After beyond its limit, and has room again when it is emptier', async () => {
    const { ask } = room({ atATime: 1, limit: 2 });
    const [first] = [ask('a'), ask('b'), ask('c')];
    const { error } = ask('d');
    assert.ok(error instanceof Refused);
    assert.deepEqual([error.code, error.status], ['busy', 503]);
    assert.ok((error.retryAfterSeconds ?? 0) > 0);
    first.answer();
    await turn();
    assert.equal(ask('e').fate, 'waits');
  });

  it('serves addresses in turn: a flood from one does not keep another waiting', async () => {
    const { ask, entered } = room({ atATime: 1, limit: 100 });
    const first = ask('flood', 'flood');
    const all = Array.from({ length: 50 }, (_, index) => ask(`flood ${String(index)}`, 'flood'));
    ask('somebody', 'somewhere else');
    first.answer();
    await turn();
    all[0]?.answer();
    await turn();
    assert.deepEqual(entered, ['flood', 'flood 0', 'somebody']);
  });

  it('is never full for an address that has fewer waiting: the last of the longest line gives way', () => {
    const { ask } = room({ atATime: 1, limit: 4 });
    ask('in work', 'flood');
    const flood = ['a', 'b', 'c', 'd'].map((name) => ask(name, 'flood'));
    const others = [ask('e', 'else'), ask('f', 'else')];
    assert.deepEqual(
      [...flood, ...others].map(({ fate }) => fate),
      ['waits', 'waits', 'refused', 'refused', 'waits', 'waits'],
    );
    assert.equal(ask('g', 'flood').fate, 'refused');
    assert.equal(ask('h', 'else').fate, 'refused');
  });

  it('forgets who goes away while waiting', async () => {
    const { ask, entered } = room({ atATime: 1, limit: 2 });
    const [first, second] = [ask('a'), ask('b'), ask('c')];
    second.hangUp();
    assert.equal(ask('d').fate, 'waits');
    first.answer();
    await turn();
    assert.deepEqual(entered, ['a', 'c']);
  });

  it('keeps the place of somebody who hangs up until their work is over, at most for a time', async () => {
    const { ask, entered, timers } = room({ atATime: 1, limit: 5 });
    const [first, second] = [ask('a'), ask('b'), ask('c')];
    first.hangUp();
    await turn();
    assert.deepEqual(entered, ['a']);
    first.answer();
    await turn();
    assert.deepEqual(entered, ['a', 'b']);
    assert.equal(timers.length, 0);
    second.hangUp();
    assert.equal(timers.length, 1);
    timers[0]?.run();
    await turn();
    assert.deepEqual(entered, ['a', 'b', 'c']);
    second.answer();
    await turn();
    assert.equal(ask('d').fate, 'waits');
  });

  it('gives the place on when somebody goes away in the moment that they are let in', async () => {
    const { ask, entered } = room({ atATime: 1, limit: 5 });
    const [first, second] = [ask('a'), ask('b'), ask('c')];
    first.answer();
    second.hangUp();
    await turn();
    await turn();
    assert.deepEqual(entered, ['a', 'c']);
  });

  it('takes the place of a request that only waits for something outside, once', async () => {
    const { handle } = room({ atATime: 1, limit: 5 });
    const names: string[] = [];
    const ask = (ip: string, inside: () => void = () => undefined) => {
      const req = { ip, get: () => '' } as unknown as Request;
      const res = new Answer() as Answer & Response;
      void withRequestContext(req, res, () => {
        void handle(req, res, () => {
          names.push(ip);
          inside();
        });
      });
      return res;
    };
    const first = ask('192.0.2.1', () => {
      setImmediate(() => {
        freePlace();
        freePlace();
      });
    });
    for (const ip of ['192.0.2.2', '192.0.2.3']) ask(ip);
    await turn();
    await turn();
    assert.deepEqual(names, ['192.0.2.1', '192.0.2.2']);
    first.end();
    await turn();
    assert.equal(names.length, 2, 'its answer frees no second place');
  });

  it('lets a thousand short answers follow each other', async () => {
    const { handle } = room({ atATime: 1, limit: 1000 });
    let done = 0;
    const responses = Array.from({ length: 1001 }, () => new Answer());
    for (const [index, res] of responses.entries())
      void handle({ ip: '' } as Request, res as unknown as Response, () => {
        done += 1;
        if (index > 0) res.end();
      });
    responses[0]?.end();
    while (done < responses.length) await turn();
    assert.equal(done, 1001);
  });

  it('goes on in the name of the request that waited', async () => {
    const { handle } = room({ atATime: 1, limit: 5 });
    const names: (string | undefined)[] = [];
    const responses = ['192.0.2.1', '192.0.2.2'].map((ip) => {
      const req = { ip, get: () => '' } as unknown as Request;
      const res = new Answer();
      void withRequestContext(req, res as unknown as Response, () => {
        void handle(req, res as unknown as Response, () => names.push(requestContext()?.address));
      });
      return res;
    });
    responses[0]?.end();
    await turn();
    assert.deepEqual(names, ['192.0.2.1', '192.0.2.2']);
  });
});
