import type { Gateway, GatewayAnswer } from './gateway.ts';

/** How a gateway has been doing, as this process saw it. */
export interface GatewayHealth {
  name: string;
  /** `queueing`: it takes messages and keeps them waiting. `ok` also before it was asked. */
  state: 'ok' | 'queueing' | 'failing';
  /** Since when it is queueing or failing. */
  since: Date | null;
  lastSuccessAt: Date | null;
  /** The last thing that went wrong, whether or not it still does. */
  fault: string | null;
  faultAt: Date | null;
}

const troubleInARow = 3;
const asideMs = 30_000;

/** Keeps one gateway's health, and whether it is worth asking first. */
export class Standing {
  readonly gateway: Gateway;
  #lastSuccessAt: Date | null = null;
  #fault: string | null = null;
  #faultAt: Date | null = null;
  #failingSince: Date | null = null;
  #queueingSince: Date | null = null;
  #trouble = 0;
  #asideUntil = 0;

  constructor(gateway: Gateway) {
    this.gateway = gateway;
  }

  /** What it says of a number or a text is no fault of its own: it works. Gives whether this began or ended a failure. */
  note(answer: GatewayAnswer, now: Date): 'began' | 'ended' | null {
    const wasFailing = this.#failingSince !== null;
    if (answer.fate === 'accepted') {
      this.#lastSuccessAt = now;
      this.#queueingSince = answer.late ? (this.#queueingSince ?? now) : null;
    } else {
      this.#fault = answer.fault;
      this.#faultAt = now;
    }
    const hangs = answer.fate === 'unknown' || (answer.fate === 'refused' && answer.unreached === true);
    const works = answer.fate === 'accepted' || (answer.fate === 'refused' && answer.permanent);
    this.#trouble = hangs ? this.#trouble + 1 : 0;
    if (this.#trouble >= troubleInARow) this.#asideUntil = now.getTime() + asideMs;
    this.#failingSince = works ? null : (this.#failingSince ?? now);
    if (wasFailing === (this.#failingSince !== null)) return null;
    return wasFailing ? 'ended' : 'began';
  }

  /** False after several failures in a row, for half a minute: then others are asked first, so that nobody waits for it. */
  isPromising(now: Date): boolean {
    return (this.#trouble < troubleInARow || now.getTime() >= this.#asideUntil) && this.gateway.isUp?.() !== false;
  }

  health(): GatewayHealth {
    return {
      name: this.gateway.name,
      state: this.#failingSince ? 'failing' : this.#queueingSince ? 'queueing' : 'ok',
      since: this.#failingSince ?? this.#queueingSince,
      lastSuccessAt: this.#lastSuccessAt,
      fault: this.#fault,
      faultAt: this.#faultAt,
    };
  }
}
