import type { Socket } from 'node:net';

/** The answers that may be outstanding; an SMSC that is asked for more throttles or cuts. */
export const windowSize = 10;

/** Places for messages under way, first come, first served. One that was given up on keeps its place: the SMSC owes its answer. */
export function placesOf(socket: Socket) {
  let taken = 0;
  const waiting: ((got: boolean) => void)[] = [];
  socket.once('close', () => {
    for (const tell of waiting.splice(0)) tell(false);
  });
  return {
    /** False: none was free in time, or the connection is gone. */
    take(signal: AbortSignal): Promise<boolean> {
      if (!socket.writable) return Promise.resolve(false);
      if (taken < windowSize) {
        taken += 1;
        return Promise.resolve(true);
      }
      if (signal.aborted) return Promise.resolve(false);
      return new Promise((resolve) => {
        const tell = (got: boolean) => {
          signal.removeEventListener('abort', giveUp);
          resolve(got);
        };
        const giveUp = () => {
          waiting.splice(waiting.indexOf(tell), 1);
          resolve(false);
        };
        signal.addEventListener('abort', giveUp, { once: true });
        waiting.push(tell);
      });
    },
    free(): void {
      const next = waiting.shift();
      // Handed on, so that nobody who comes now is before those who wait.
      if (next) next(true);
      else taken -= 1;
    },
  };
}
