import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { Browser } from './browser.ts';
import type { ContactsInTurn } from './contacts-in-turn.ts';
import { Meter, type Figures } from './measure.ts';
import { signInWhole, steps, TooBusy, type Step } from './whole-sign-in.ts';

/** One stretch of load. */
export interface Stretch {
  signIns: number;
  /** How often somebody was told that there is too much to do. */
  refused: number;
  seconds: number;
  /** CPU time of the portal's process, and of this one, which plays the browsers. */
  serverCpuMs: number | null;
  generatorCpuMs: number;
}

/** Whom the load is put on, and who signs in. */
export interface LoadPorts {
  url: string;
  contacts: ContactsInTurn;
  serverCpuMs(): number | null;
}

/** So many people signing in at a time, each with a new browser, one sign-in after the other. */
export class SignInLoad {
  readonly clients: number;
  readonly stretches: Stretch[] = [];
  private readonly meters = new Map<Step, Meter>(steps.map((step) => [step, new Meter()]));
  private readonly ports: LoadPorts;

  constructor(clients: number, ports: LoadPorts) {
    this.clients = clients;
    this.ports = ports;
  }

  /** Runs the load; what happens in the first moments, while the clients still go in step, does not count. */
  async run(options: { rampMs: number; ms: number }): Promise<void> {
    const now = { counts: false, ends: false, signIns: 0, refused: 0 };
    const work = async (): Promise<void> => {
      while (!now.ends) {
        const done = await this.signInOnce((step, ms) => {
          if (now.counts) this.meters.get(step)?.note(ms);
        });
        if (now.counts) now[done ? 'signIns' : 'refused'] += 1;
      }
    };
    const clients = Promise.all(Array.from({ length: this.clients }, work)).finally(() => {
      now.ends = true;
    });
    const measure = async (): Promise<Stretch> => {
      await setTimeout(options.rampMs);
      now.counts = true;
      const begun = { at: performance.now(), server: this.ports.serverCpuMs(), own: process.cpuUsage() };
      await setTimeout(options.ms);
      // However slow the machine: a stretch without a sign-in says nothing.
      while (now.signIns === 0 && !now.ends) await setTimeout(50);
      now.counts = false;
      now.ends = true;
      const server = this.ports.serverCpuMs();
      const own = process.cpuUsage(begun.own);
      return {
        signIns: now.signIns,
        refused: now.refused,
        seconds: (performance.now() - begun.at) / 1000,
        serverCpuMs: server === null || begun.server === null ? null : server - begun.server,
        generatorCpuMs: (own.user + own.system) / 1000,
      };
    };
    const [stretch] = await Promise.all([measure(), clients]);
    this.stretches.push(stretch);
  }

  /** How long each step took, over all stretches. */
  get stepFigures(): { step: Step; figures: Figures }[] {
    return [...this.meters].map(([step, meter]) => ({ step, figures: meter.figures }));
  }

  private signInOnce(took: (step: Step, ms: number) => void): Promise<boolean> {
    return this.ports.contacts.with(async (contact) => {
      const browser = new Browser(this.ports.url);
      try {
        await signInWhole(browser, contact, took);
        return true;
      } catch (error) {
        if (error instanceof TooBusy) return false;
        throw error;
      } finally {
        browser.close();
      }
    });
  }
}
