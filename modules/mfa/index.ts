import { join } from 'node:path';
import type { Connection } from 'mongoose';
import type { Express, Router } from 'express';
import type { PasswordProof } from '../kernel/ports.ts';
import type { Flash } from '../platform/http/flash.ts';
import { mount } from '../platform/http/route-list.ts';
import { accountRoutes } from './account-routes.ts';
import { Attempts } from './attempts.ts';
import { availabilityGuard } from './availability-guard.ts';
import { challengeRoutes } from './challenge-routes.ts';
import { confirmRoutes } from './confirm-routes.ts';
import { disableRoutes } from './disable-routes.ts';
import { createFactorHost } from './factor-host.ts';
import { Engine, type EnginePorts } from './engine.ts';
import { enrolmentGuard } from './enrolment-guard.ts';
import { Enrolments } from './enrolments.ts';
import { createGroups } from './policy/groups.ts';
import { replacementRoutes } from './replacement-routes.ts';
import { lastStepsRoutes } from './last-steps-routes.ts';
import { createPolicyStore } from './policy/policy-store.ts';
import type { InstalledFactor } from './registry.ts';

/** The engine over one database; factors are added by `startFactors`. */
export function createEngine(connection: Connection, ports: EnginePorts): Engine {
  return new Engine({
    enrolments: new Enrolments(connection, ports.clock),
    attempts: new Attempts(connection, ports),
    policies: createPolicyStore(connection),
    groups: createGroups(connection),
    ports,
  });
}

/** Starts every installed factor: its part of the collection, its strategy by name, its audit events. */
export function startFactors(
  engine: Engine,
  installed: readonly InstalledFactor[],
  options: { flash: Flash; allowEvents: (events: readonly string[]) => void },
): void {
  for (const factor of installed) {
    const { definition } = factor;
    engine.enrolments.addFactor(definition);
    options.allowEvents(Object.keys(definition.events).map((event) => `${definition.id}.${event}`));
    const running = definition.start(createFactorHost(engine, factor, options.flash), factor.options);
    engine.ports.passport.use(definition.id, running.strategy);
    engine.factors.set(definition.id, { ...factor, running });
  }
}

/** Mounts the engine's pages and every factor's own. */
export function mountEngine(
  app: Express | Router,
  engine: Engine,
  options: { passwords: PasswordProof; flash: Flash; helpContact: string; factorApp: (views: string) => Express },
): void {
  mount(app, '/', challengeRoutes(engine, options));
  mount(app, '/', replacementRoutes(engine));
  mount(app, '/', lastStepsRoutes(engine, options.flash));
  mount(app, '/', accountRoutes({ engine, passwords: options.passwords, flash: options.flash }));
  mount(app, '/', disableRoutes({ engine, passwords: options.passwords, flash: options.flash }));
  mount(app, '/', confirmRoutes({ engine, passwords: options.passwords }));
  for (const { definition, folder, running } of engine.factors.values()) {
    const { id } = definition;
    const inside = (router: Router | undefined) => {
      if (!router) return null;
      const sub = options.factorApp(join(folder, 'views'));
      mount(sub, '/', router);
      return sub;
    };
    (app as Router).use(`/account/factors/${id}`, availabilityGuard(engine, id));
    const afterwards = inside(running.afterwards);
    if (afterwards) mount(app, `/account/factors/${id}`, afterwards);
    const enrolment = inside(running.enrolment);
    if (enrolment) {
      (app as Router).use(`/account/factors/${id}`, engine.freshly, enrolmentGuard(engine, id));
      mount(app, `/account/factors/${id}`, enrolment);
    }
    const challenge = inside(running.challenge);
    if (challenge) mount(app, `/sign-in/${id}`, challenge);
    const staff = inside(running.staff?.router);
    if (staff) mount(app, `/staff/factors/${id}`, staff);
    const callbacks = inside(running.callbacks);
    if (callbacks) mount(app, `/callbacks/${id}`, callbacks);
  }
}
