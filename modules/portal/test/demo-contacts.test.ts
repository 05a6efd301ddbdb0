import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { anyDriver } from '../../../test/support/driver.ts';
import { Visitor } from '../../../test/support/http.ts';
import { signInWith } from '../../../test/support/portal.ts';
import { startProcess } from '../../../test/support/processes.ts';
import { decodeBase32 } from '../../../test/support/rfc-totp.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../../../test/support/temporary-folder.ts';
import { checkNewPassword } from '../../accounts/passwords/password-rules.ts';
import { numberedContact, patternOf, type ContactPattern } from '../commands/demo-contacts.ts';

interface Report {
  url: string;
  people: { email: string; password: string; profile: string | null; totpSecret: string | null }[];
  pattern: ContactPattern | null;
}

describe('The demo’s contacts by number', function () {
  this.timeout(120_000);
  let folder: string;
  before(() => {
    folder = makeTemporaryFolder('demo-contacts');
  });
  after(() => {
    removeTemporaryFolder(folder);
  });

  it('have passwords that the portal takes, and secrets and addresses of their own', () => {
    const pattern = patternOf({ key: 'abcde-fghjk-mnpqr', count: 3000 });
    const secrets = new Set<string>();
    const emails = new Set<string>();
    for (let number = 1; number <= 3000; number += 1) {
      const { email, password, secret } = numberedContact(pattern, number);
      const context = [email, 'Ada Aspen', 'Aspen Bakery 1', 'Gatehouse'];
      assert.equal(checkNewPassword({ password, minLength: 15, context }), null, password);
      secrets.add(secret.toString('hex'));
      emails.add(email);
    }
    assert.deepEqual([secrets.size, emails.size], [3000, 3000]);
  });

  it('sign in as the printed pattern says, and stay when more are added', async function () {
    const driver = await anyDriver(this);
    const start = async (contacts: string) => {
      const demo = startProcess('gatehouse.ts', ['demo', '--json', '--contacts', contacts], {
        env: { PORT: '0', DATA_DIR: folder, LOG_LEVEL: 'warn', ARGON2_MEMORY_KIB: '1024' },
      });
      const [json] = await demo.line(/^\{"url":.*\}$/, 90_000);
      return { demo, report: JSON.parse(json) as Report };
    };
    // As somebody would write it who has read the explanation, and nothing else.
    const enter = async ({ url, pattern }: Report, number: number): Promise<string> => {
      assert.ok(pattern);
      const fill = (text: string) => text.replace('{number}', String(number));
      const visitor = new Visitor(url);
      await signInWith(visitor, fill(pattern.email), fill(pattern.password));
      const secret = base32(createHash('sha1').update(fill(pattern.totpSecretText)).digest());
      const answer = await visitor.submit('/sign-in/challenge', { code: driver.code({ secret }, new Date()) });
      return (await visitor.follow(answer)).url.pathname;
    };

    const first = await start('3');
    assert.deepEqual(first.report.pattern?.numbers, { first: 1, last: 3 });
    assert.equal(await enter(first.report, 1), '/home');
    assert.equal(await enter(first.report, 3), '/home');
    assert.equal(await first.demo.stop(), 0, first.demo.output());

    const second = await start('52');
    assert.deepEqual(second.report.people, first.report.people);
    assert.equal(second.report.pattern?.password, first.report.pattern.password);
    assert.equal(await enter(second.report, 2), '/home');
    assert.equal(await enter(second.report, 52), '/home');
    assert.equal(await second.demo.stop(), 0, second.demo.output());

    const third = await start('0');
    assert.deepEqual(third.report.pattern, second.report.pattern);
    assert.equal(await third.demo.stop(), 0, third.demo.output());
  });

  it('are none where nobody asks for them, and a number is wanted', async () => {
    const demo = startProcess('gatehouse.ts', ['demo', '--json', '--contacts', 'many'], {
      env: { PORT: '0', DATA_DIR: `${folder}/none`, ARGON2_MEMORY_KIB: '1024' },
    });
    assert.equal(await demo.ended(), 1);
    assert.match(demo.output(), /--contacts takes a whole number/);
  });
});

function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const text = (bits.match(/.{5}/g) ?? [])
    .map((five) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[parseInt(five, 2)])
    .join('');
  assert.deepEqual(decodeBase32(text), bytes);
  return text;
}
