import { randomInt } from 'node:crypto';
import type { GatewayPorts } from './gateway.ts';
import { codeOf } from './http-call.ts';
import type { SmppSession } from './smpp-session.ts';

const longestBackoffMs = 30_000;

/**
 * Keeps one session bound, from the first message on: a process that never sends, a command say, takes no bind from those that do.
 * What ended is bound again, with growing pauses; who wants to send does not wait for a pause to be over.
 */
export class SmppLink {
  readonly #bind: (stopped: AbortSignal) => Promise<SmppSession>;
  readonly #log: GatewayPorts['log'];
  readonly #firstBackoffMs: number;
  #session: SmppSession | null = null;
  #attempt: Promise<SmppSession> | null = null;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #stop = new AbortController();

  constructor(
    bind: (stopped: AbortSignal) => Promise<SmppSession>,
    options: { log: GatewayPorts['log']; firstBackoffMs: number },
  ) {
    this.#bind = bind;
    this.#log = options.log;
    this.#firstBackoffMs = options.firstBackoffMs;
  }

  /** True while bound, and before anybody tried. */
  isUp(): boolean {
    return this.#session !== null || this.#failures === 0;
  }

  /** The bound session, once there is one. Rejects with a code when the attempt fails, or with `timeout` when the signal is first. */
  async bound(signal: AbortSignal): Promise<SmppSession> {
    if (this.#session) return this.#session;
    const attempt = (this.#attempt ??= this.#try());
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        reject(Object.assign(new Error('timeout'), { code: 'timeout' }));
      };
      if (signal.aborted) giveUp();
      signal.addEventListener('abort', giveUp, { once: true });
      attempt.then(resolve, reject);
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#attempt?.catch(() => undefined);
    await this.#session?.end();
  }

  async #try(): Promise<SmppSession> {
    clearTimeout(this.#timer);
    try {
      if (this.#stop.signal.aborted) throw Object.assign(new Error('stopped'), { code: 'stopped' });
      const session = await this.#bind(this.#stop.signal);
      this.#session = session;
      this.#failures = 0;
      this.#log.info({ gateway: 'smpp' }, 'bound to the SMSC');
      void session.closed.then(() => {
        this.#session = null;
        if (this.#stop.signal.aborted) return;
        this.#log.warn({ gateway: 'smpp' }, 'the connection to the SMSC ended');
        this.#again();
      });
      return session;
    } catch (error) {
      // One line when it begins, not one for each pause.
      if (this.#failures === 0) this.#log.warn({ gateway: 'smpp', fault: codeOf(error) }, 'no connection to the SMSC');
      this.#again();
      throw error;
    } finally {
      this.#attempt = null;
    }
  }

  #again(): void {
    if (this.#stop.signal.aborted) return;
    const pauseMs = Math.min(this.#firstBackoffMs * 2 ** this.#failures, longestBackoffMs);
    this.#failures += 1;
    clearTimeout(this.#timer);
    // Not all processes at once.
    this.#timer = setTimeout(
      () => {
        if (this.#session || this.#attempt) return;
        this.#attempt = this.#try();
        this.#attempt.catch(() => undefined);
      },
      pauseMs + randomInt(Math.ceil(pauseMs / 4) + 1),
    ).unref();
  }
}
