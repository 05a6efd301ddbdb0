import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withPortal } from '../../../test/support/portal.ts';
import { auditEvents, type AuditEvent } from '../events.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const anonymous = { kind: 'anonymous' } as const;

describe('The audit', () => {
  it('takes no event that is not declared: a typing mistake is a bug, not a gap', async () => {
    await withPortal(async ({ audit }) => {
      await assert.rejects(
        audit.record({ event: 'sign-in.sompleted', outcome: 'success', actor: anonymous }),
        /not declared/,
      );
      await assert.rejects(
        audit.record({ event: 'constructor', outcome: 'success', actor: anonymous }),
        /not declared/,
      );
    });
  });

  it('notes who, whom, what, why, when, from where, and writes the same to the log', async () => {
    await withPortal(async (portal) => {
      const ada = await portal.addPerson();
      const visitor = portal.visitor();
      await visitor.submit(
        '/sign-in',
        { email: ada.email, password: 'quiet harbour lantern 42' },
        { from: '/sign-in', headers: { 'user-agent': 'Test\u00e9 browser "x"' } },
      );
      const rows = await portal.audit.latest({ personId: ada.id }, 10);
      const done = rows.find((row) => row.event === 'sign-in.completed');
      assert.ok(done);
      assert.equal(done.outcome, 'success');
      assert.equal(done.actor.id, ada.id);
      assert.equal(done.address, '127.0.0.1');
      assert.deepEqual(done.at, portal.clock.now());
      assert.match(done.userAgent ?? '', /^Test.* browser "x"$/);
      assert.ok(done.requestId && done.signInId);
      const lines = portal.logLines().filter((line) => line.includes('"msg":"sign-in.completed"'));
      assert.equal(lines.length, 1);
      assert.ok(lines[0]?.includes(done.requestId), 'under the same request id');
    });
  });

  it('is read a page at a time, in the order of time, by an index for each way to ask', async () => {
    await withPortal(async ({ audit, clock, database }) => {
      const [ada, otto] = ['a'.repeat(24), 'b'.repeat(24)];
      for (let count = 0; count < 9; count += 1) {
        if (count % 3 === 0) clock.advance({ minutes: 1 });
        await audit.record({
          event: count % 2 === 0 ? 'person.edited' : 'person.invited',
          outcome: count === 4 ? 'failure' : 'success',
          actor: { kind: 'person', id: count < 6 ? otto : ada },
          target: { kind: 'person', id: count === 8 ? otto : ada },
          detail: { count },
        });
      }
      const counts = async (...[filter, after, count]: Parameters<typeof audit.page>) =>
        (await audit.page(filter, after, count)).map((row) => row.detail?.['count']);
      assert.deepEqual(await counts({}, null, 4), [8, 7, 6, 5]);
      const last = (await audit.page({}, null, 4)).at(-1);
      assert.ok(last);
      assert.deepEqual(await counts({}, { at: last.at, id: last._id.toHexString() }, 99), [4, 3, 2, 1, 0]);
      assert.deepEqual(await counts({ personId: otto }, null, 3), [8, 5, 4], 'who did it, or to whom');
      assert.deepEqual(await counts({ personId: ada, event: 'person.edited' }, null, 3), [8, 6, 4]);
      assert.deepEqual(await counts({ outcome: 'failure' }, null, 9), [4]);
      const minute = (plus: number) => new Date(last.at.getTime() + plus * 60_000);
      assert.deepEqual(await counts({ from: minute(0), before: minute(1) }, null, 9), [5, 4, 3]);

      const rows = database.connection.collection('auditEvents');
      const at = { $lte: last.at };
      for (const filter of [
        { at },
        { event: 'person.edited', at },
        { outcome: 'failure', at },
        { 'actor.id': ada, at },
        { 'target.id': ada, at },
      ]) {
        const plan = JSON.stringify(await rows.find(filter).sort({ at: -1, _id: -1 }).explain('queryPlanner'));
        assert.match(plan, /IXSCAN/, Object.keys(filter).join());
        assert.doesNotMatch(plan, /"SORT"|COLLSCAN/, Object.keys(filter).join());
      }
    });
  });

  it('declares no event that the portal never writes', () => {
    const code = ['modules', '.']
      .flatMap((folder) =>
        readdirSync(join(root, folder), { recursive: folder === 'modules', encoding: 'utf8' })
          .filter((name) => name.endsWith('.ts') && !/(?:^|\/)test\//.test(name) && !name.endsWith('audit/events.ts'))
          .map((name) => readFileSync(join(root, folder, name), 'utf8')),
      )
      .join('\n');
    const silent = (Object.keys(auditEvents) as AuditEvent[]).filter((event) => !code.includes(`'${event}'`));
    assert.deepEqual(silent, []);
  });
});
