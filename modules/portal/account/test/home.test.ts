import assert from 'node:assert/strict';
import { signInByPassword } from '../../../../test/attacks/support/people.ts';
import { anyDriver } from '../../../../test/support/driver.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { openTestPortal, signInWith, type TestPortal } from '../../../../test/support/portal.ts';

describe('The first page', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());

  it('tells a customer their company, the sign-in before this one, and how their account is guarded', async () => {
    const ada = await portal.addPerson({ emailConfirmed: true });
    assert.match(
      (await (await signInByPassword(portal, ada)).get('/home')).text,
      /Last sign-in This is your first one/,
    );
    portal.clock.advance({ hours: 3 });
    const page = await (await signInByPassword(portal, ada)).get('/home');
    assert.match(page.text, /Hello, Ada Lovelace Northwind/);
    assert.match(page.text, /Last sign-in 3 hours ago From 127\.0\.0\.1/);
    assert.match(page.text, /Sign-in security Recommended Signing in takes your password only/);
    await assertValidHtml(page.html, '/home');
  });

  const areas: Readonly<Record<string, readonly string[]>> = {
    support: ['customers'],
    'sales-manager': ['customers'],
    admin: ['customers', 'users', 'audit', 'mail'],
    'master-admin': ['customers', 'users', 'audit', 'mail', 'settings'],
    'no-such-profile': [],
  };
  for (const [profile, expected] of Object.entries(areas)) {
    it(`leads staff with the profile ${profile} to ${expected.join(', ') || 'nothing'}`, async function () {
      const driver = await anyDriver(this);
      const visitor = portal.visitor();
      await signInWith(visitor, (await portal.addPerson({ kind: 'staff', profile })).email);
      await driver.enrol(visitor, portal.clock.now());
      const page = await visitor.get('/staff');
      await assertValidHtml(page.html, '/staff');
      const links = [...page.html.matchAll(/<a class="button" href="\/staff\/(\w+)">Open /g)].map(([, area]) => area);
      assert.deepEqual(links, expected);
      assert.doesNotMatch(page.text, /\/staff\//, 'each area says what it is for');
    });
  }
});
