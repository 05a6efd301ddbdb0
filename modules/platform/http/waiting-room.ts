import { AsyncResource } from 'node:async_hooks';
import type { Request, RequestHandler, Response } from 'express';
import { Refused } from '../../kernel/errors.ts';
import { holdPlace } from '../request-context.ts';

// As the queue in front of the password hasher says it.
const retryAfterSeconds = 2;
// Longer than the database or a gateway may take, so that whatever was asked for and then left alone is surely over.
const abandonedMs = 15_000;

interface Waiting {
  enter: () => void;
  refuse: () => void;
}

export interface WaitingRoomOptions {
  /** How many requests may be in work at a time. */
  atATime: number;
  /** How many may wait. */
  limit: number;
  /** True for a request that has no business here: somebody who is signed in. */
  passes: (req: Request) => boolean;
  /** Whose line a request stands in: the person's where the password was right, else the address's. */
  lineOf: (req: Request) => string;
  /** The edge: tests have a clock of their own. Gives what calls it off. */
  after?: (ms: number, run: () => void) => () => void;
}

/**
 * Where people wait who are not signed in yet. One thread makes all pages: without this a page of somebody who is signed in queues with
 * every sign-in that is under way. A few of those are in work at a time, the others wait in bounded lines that are served in turn,
 * so that nobody's flood keeps others from signing in. It reads nothing, and holds up nobody while there are places.
 */
export function createWaitingRoom(options: WaitingRoomOptions): RequestHandler {
  const { atATime, passes, lineOf, after = afterMs } = options;
  const lines = new Lines(options.limit);
  let inWork = 0;

  // The place is handed over without becoming free in between, and in a turn of its own: within the answer before, a hundred short
  // ones would end up on one stack, and a page of somebody signed in that has come meanwhile would stand behind them.
  function leave(): void {
    const next = lines.take();
    if (next) setImmediate(next.enter);
    else inWork -= 1;
  }

  return (req, res, next) => {
    if (passes(req)) {
      next();
      return;
    }
    if (inWork < atATime) {
      inWork += 1;
      whenDone(res, { run: leave, after });
      next();
      return;
    }
    const line = lineOf(req);
    const gone = () => {
      lines.remove(line, waiting);
    };
    // Called from another request's turn: what it leads to must run in the name of its own.
    const waiting: Waiting = {
      enter: AsyncResource.bind(() => {
        res.off('close', gone);
        whenDone(res, { run: leave, after });
        if (res.destroyed) res.end();
        else next();
      }),
      refuse: AsyncResource.bind(() => {
        res.off('close', gone);
        next(new Refused('busy', { retryAfterSeconds }));
      }),
    };
    res.once('close', gone);
    lines.add(line, waiting)?.refuse();
  };
}

/**
 * Runs once when the work for an answer is over: when it is ended, whether or not anybody is there to read it, or when it only waits
 * for something outside (a gateway that hangs must not keep others from signing in). A client that goes away
 * does not free a place, for its work goes on: who asks and hangs up again and again would have any amount of it done at a time.
 */
function whenDone(
  res: Response,
  { run, after }: { run: () => void; after: NonNullable<WaitingRoomOptions['after']> },
): void {
  const end = res.end.bind(res) as (...given: unknown[]) => Response;
  let isDone = false;
  let callOff: (() => void) | null = null;
  const done = () => {
    if (isDone) return;
    isDone = true;
    callOff?.();
    run();
  };
  holdPlace(done);
  res.end = ((...given: unknown[]) => {
    const answer = end(...given);
    done();
    return answer;
  }) as Response['end'];
  // Some work never comes to its end without a client; its place must come back all the same.
  res.once('close', () => {
    if (!isDone) callOff = after(abandonedMs, done);
  });
}

function afterMs(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms).unref();
  return () => {
    clearTimeout(timer);
  };
}

/** Lines that are served in turn and are bounded together: when all is full, the longest gives way to those that are shorter. */
class Lines {
  private readonly limit: number;
  // The first is the next to be served.
  private readonly byName = new Map<string, Waiting[]>();
  private count = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Gives whoever has no room any more: the newcomer, the last of a longer line, or nobody. */
  add(name: string, waiting: Waiting): Waiting | null {
    let pushedOut: Waiting | null = null;
    const line = this.byName.get(name) ?? [];
    if (this.count >= this.limit) {
      const [longestName, longest] = this.longest();
      if (longest.length <= line.length + 1) return waiting;
      pushedOut = longest.at(-1) ?? null;
      if (pushedOut) this.remove(longestName, pushedOut);
    }
    line.push(waiting);
    this.byName.set(name, line);
    this.count += 1;
    return pushedOut;
  }

  /** The first of the line whose turn it is; that line goes behind the others. */
  take(): Waiting | null {
    const [first] = this.byName;
    if (!first) return null;
    const [name, line] = first;
    const waiting = line.shift() ?? null;
    this.count -= 1;
    this.byName.delete(name);
    if (line.length > 0) this.byName.set(name, line);
    return waiting;
  }

  remove(name: string, waiting: Waiting): void {
    const line = this.byName.get(name);
    const place = line?.indexOf(waiting) ?? -1;
    if (!line || place < 0) return;
    line.splice(place, 1);
    this.count -= 1;
    if (line.length === 0) this.byName.delete(name);
  }

  private longest(): [string, readonly Waiting[]] {
    let found: [string, readonly Waiting[]] = ['', []];
    for (const one of this.byName) if (one[1].length > found[1].length) found = one;
    return found;
  }
}
