import assert from 'node:assert/strict';
import { Visitor } from '../support/http.ts';
import { anyDriver } from '../support/driver.ts';
import { startProcess, type RunningProcess } from '../support/processes.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

interface DemoPerson {
  email: string;
  password: string;
  state: string;
  kind: string;
}

describe('A portal that is killed', function () {
  this.timeout(180_000);
  let folder: string;
  let running: RunningProcess | null = null;
  before(() => {
    folder = makeTemporaryFolder('crash');
  });
  after(async () => {
    await running?.stop('SIGKILL');
    removeTemporaryFolder(folder);
  });

  async function start(): Promise<{ url: string; people: DemoPerson[] }> {
    await running?.stop('SIGKILL');
    running = startProcess('gatehouse.ts', ['demo', '--json'], {
      env: { PORT: '0', DATA_DIR: folder, LOG_LEVEL: 'warn' },
    });
    const [json] = await running.line(/^\{"url":.*\}$/);
    return JSON.parse(json) as { url: string; people: DemoPerson[] };
  }

  const signIn = (visitor: Visitor, person: DemoPerson) =>
    visitor.submit('/sign-in', { email: person.email, password: person.password }, { from: '/sign-in' });

  it('has lost nothing that it answered: sign-ins, sign-outs, set-ups and used codes hold after kill -9', async function () {
    const driver = await anyDriver(this);
    let { url, people } = await start();
    const nina = people.find(({ state }) => state === 'optional and not enrolled');
    const paul = people.find(({ state }) => state === 'required and not yet enrolled');
    assert.ok(nina && paul);

    // Kept across the kills: one browser signed in, one signed out.
    const inside = new Visitor(url);
    await inside.follow(await signIn(inside, nina));
    const outside = new Visitor(url);
    await outside.follow(await signIn(outside, nina));
    const before = outside.clone();
    await outside.submit('/sign-out', {}, { from: '/home' });
    const setUp = new Visitor(url);
    await setUp.follow(await signIn(setUp, paul));
    const now = new Date();
    const enrolled = await driver.enrol(setUp, now);

    ({ url, people } = await start());
    const moved = (visitor: Visitor) => {
      const next = new Visitor(url);
      for (const [name, value] of visitor.cookies) next.cookies.set(name, value);
      return next;
    };
    assert.equal((await moved(inside).get('/home')).status, 200, 'a signed-in person still is');
    assert.notEqual((await moved(before).get('/home')).status, 200, 'a signed-out one stays out');
    assert.equal((await moved(setUp).get('/home')).status, 200, 'the set-up holds');

    const again = new Visitor(url);
    const challenge = await again.follow(await signIn(again, paul));
    assert.equal(challenge.url.pathname, '/sign-in/challenge');
    const replay = await again.submit('/sign-in/challenge', { code: driver.code(enrolled, now) });
    assert.equal(replay.status, 422, 'the code of the set-up is used up');
    const code = driver.code(enrolled, new Date(now.getTime() + 30_000));
    const accepted = await again.submit('/sign-in/challenge', { code });
    assert.equal(accepted.status, 303);

    ({ url, people } = await start());
    const third = new Visitor(url);
    await third.follow(await signIn(third, paul));
    assert.equal(
      (await third.submit('/sign-in/challenge', { code })).status,
      422,
      'a code that was accepted before the kill is used up after it',
    );
  });

  it('keeps its counters: tries before the kill count after it', async () => {
    let { url, people } = await start();
    const otto = people.find(({ state }) => state === 'optional and enrolled');
    assert.ok(otto);
    const wrong = { ...otto, password: 'not the password at all' };
    let refused = 0;
    for (let attempt = 0; attempt < 10; attempt += 1) {
      if (attempt === 5) {
        ({ url, people } = await start());
      }
      refused += (await signIn(new Visitor(url), wrong)).status === 422 ? 1 : 0;
    }
    assert.equal(refused, 10);
    const right = await signIn(new Visitor(url), otto);
    assert.equal(right.status, 429, 'the eleventh is refused although right');
    assert.ok(Number(right.headers['retry-after']) > 0);
  });
});
