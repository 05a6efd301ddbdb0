import assert from 'node:assert/strict';
import { profileById, type Profile } from '../profiles.ts';
import { Types } from 'mongoose';
import { openTestPortal, type TestPortal } from '../../../test/support/portal.ts';
import type { Person } from '../../kernel/person.ts';
import { Refused } from '../../kernel/errors.ts';

const refusedAs = (code: string) => (error: unknown) => error instanceof Refused && error.code === code;

function builtIn(id: string): Profile {
  const profile = profileById(id);
  if (!profile) throw new Error(`There is no profile ${id}.`);
  return profile;
}

describe('The last Master Admin', () => {
  let portal: TestPortal;
  let twin: TestPortal;
  before(async () => {
    portal = await openTestPortal();
    twin = await portal.twin();
  });
  after(() => portal.close());
  beforeEach(async () => {
    await portal.database.connection.collection('people').deleteMany({});
    await portal.database.connection.collection('guards').deleteMany({});
  });

  const add = (person: object = {}) => portal.addPerson({ kind: 'staff', profile: 'master-admin', ...person });
  const able = async () => {
    const people = await portal.directory.page({ kind: 'staff' }, { after: null, count: 100 });
    return people.filter((person) => person.masterAdmin && !person.disabled && person.hasPassword).length;
  };
  const guard = () => portal.database.connection.collection<{ _id: string; leaving: string[] }>('guards').findOne({});
  const setPerson = (person: Person, set: object) =>
    portal.database.connection.collection('people').updateOne({ _id: new Types.ObjectId(person.id) }, { $set: set });

  it('can be neither disabled, nor demoted, nor removed', async () => {
    const mara = await add();
    await add({ disabled: true });
    await add({ password: null });
    await assert.rejects(portal.standing.disable(mara.id), refusedAs('last-master-admin'));
    await assert.rejects(portal.standing.setProfile(mara.id, builtIn('admin')), refusedAs('last-master-admin'));
    await assert.rejects(portal.standing.remove(mara.id), refusedAs('last-master-admin'));
    assert.equal((await portal.accounts.byId(mara.id))?.sessionEpoch, 0);
    assert.equal(await able(), 1);
  });

  it('is whoever is left: the others may go in any way, and come back', async () => {
    const [mara, otto, pia] = [await add(), await add(), await add()];
    await portal.standing.disable(otto.id);
    await portal.standing.setProfile(pia.id, builtIn('support'));
    await assert.rejects(portal.standing.remove(mara.id), refusedAs('last-master-admin'));
    await portal.standing.enable(otto.id);
    assert.ok(await portal.standing.remove(mara.id));
    await assert.rejects(portal.standing.disable(otto.id), refusedAs('last-master-admin'));
    assert.deepEqual((await guard())?.leaving, []);
  });

  it('may be the one who has just taken up an invitation', async () => {
    const [mara, otto] = [await add(), await add({ password: null })];
    await assert.rejects(portal.standing.disable(mara.id), refusedAs('last-master-admin'));
    const link = await portal.links.issue(otto.id, 'invitation');
    assert.ok(link);
    const password = await portal.hasher.hash('nine quiet harbours at noon');
    assert.ok(await portal.links.setPassword('invitation', link.token, { password, short: false }));
    assert.ok(await portal.standing.disable(mara.id));
  });

  it('stays when two take each other’s standing at the same moment, in two processes, twenty times', async () => {
    const ways = [
      (at: TestPortal, id: string) => at.standing.disable(id),
      (at: TestPortal, id: string) => at.standing.setProfile(id, builtIn('admin')),
      (at: TestPortal, id: string) => at.standing.remove(id),
    ];
    for (let round = 0; round < 20; round += 1) {
      const [mara, otto] = [await add(), await add()];
      const [first, second] = [ways[round % 3], ways[Math.floor(round / 3) % 3]];
      const results = await Promise.allSettled([first?.(portal, otto.id), second?.(twin, mara.id)]);
      assert.equal(await able(), 1, `round ${String(round)}`);
      const refused = results.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
      assert.equal(refused.length, 1);
      assert.ok(refusedAs('last-master-admin')(refused[0]), String(refused[0]));
      await portal.database.connection.collection('people').deleteMany({});
    }
  });

  it('stays when five at once turn on one another in a circle', async () => {
    const people = [await add(), await add(), await add(), await add(), await add()];
    const results = await Promise.allSettled(
      people.map((_, index) => {
        const next = people[(index + 1) % people.length];
        return (index % 2 === 0 ? portal : twin).standing.disable(next?.id ?? '');
      }),
    );
    assert.equal(await able(), 1);
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 4);
  });

  it('is not relied on while a change that was cut short may still take it away', async () => {
    const [mara, otto] = [await add(), await add()];
    // A process died after it had announced that Otto goes, with his lock in its hands.
    const until = new Date(portal.clock.now().getTime() + 30_000);
    await setPerson(otto, { lock: { token: 'of the dead', until } });
    await portal.database.connection
      .collection<{ _id: string; rev: number; leaving: string[] }>('guards')
      .insertOne({ _id: 'master-admins', rev: 3, leaving: [otto.id] });
    await assert.rejects(portal.standing.disable(mara.id), refusedAs('busy'));
    portal.clock.advance({ seconds: 31 });
    assert.ok(await portal.standing.disable(mara.id), 'once the lock of the dead is over, Otto counts again');
    await assert.rejects(portal.standing.disable(otto.id), refusedAs('last-master-admin'));
  });

  it('stays when a change wakes up after its lock was taken over', async () => {
    const [mara, otto] = [await add(), await add()];
    // A change that stops between its announcement and its write, while another process goes on.
    const people = portal.database.connection.model('Person');
    const write = people.findOneAndUpdate.bind(people);
    try {
      people.findOneAndUpdate = ((...args: Parameters<typeof write>) => {
        people.findOneAndUpdate = write;
        const waking = (async () => {
          portal.clock.advance({ seconds: 31 });
          await twin.standing.disable(mara.id);
          return write(...args).lean();
        })();
        return { lean: () => waking };
      }) as typeof write;
      await assert.rejects(portal.standing.disable(otto.id), refusedAs('busy'));
    } finally {
      people.findOneAndUpdate = write;
    }
    assert.equal(await able(), 1);
  });
});

describe('A change of standing', () => {
  it('is checked against the person as they are, not as they were when it was asked for', async () => {
    const portal = await openTestPortal();
    try {
      const otto = await portal.addPerson({ kind: 'staff', profile: 'support' });
      await portal.standing.setProfile(otto.id, builtIn('admin'));
      await assert.rejects(
        portal.standing.disable(otto.id, (now) => {
          if (now.profileId !== 'support') throw new Refused('higher-profile');
        }),
        refusedAs('higher-profile'),
      );
      const changed = await portal.standing.disable(otto.id);
      assert.equal(changed?.before.disabled, false);
      assert.equal(changed.after.disabled, true);
      assert.equal(await portal.standing.disable(otto.id), null, 'a second time changes nothing');
      assert.equal((await portal.accounts.byId(otto.id))?.sessionEpoch, 2);
      await assert.rejects(portal.standing.disable(new Types.ObjectId().toHexString()), refusedAs('not-found'));
      assert.equal(await portal.standing.disable('no id'), null);
    } finally {
      await portal.close();
    }
  });
});
