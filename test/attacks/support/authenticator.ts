import { driverIds, driverOf, type FactorDriver } from '../../support/driver.ts';

/** The factor that attacks on codes are tried with. */
export const authenticatorId = 'totp';

let loaded: FactorDriver | undefined;

/** A group of tests about codes. A tree without that factor has none: its tests went with its folder. */
export function describeWithAuthenticator(title: string, tests: () => void): void {
  if (!driverIds().includes(authenticatorId)) return;
  describe(title, () => {
    before(async () => {
      loaded ??= await driverOf(authenticatorId);
    });
    tests();
  });
}

/** How the factor is used from outside. */
export function authenticator(): FactorDriver {
  if (!loaded) throw new Error('Only a group of describeWithAuthenticator has the driver.');
  return loaded;
}
