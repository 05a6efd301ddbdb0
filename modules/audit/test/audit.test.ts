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
