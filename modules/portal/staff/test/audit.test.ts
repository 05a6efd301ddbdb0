import assert from 'node:assert/strict';
import { Types } from 'mongoose';
import { describeWithAuthenticator } from '../../../../test/attacks/support/authenticator.ts';
import { addMember, signInFully, type Member } from '../../../../test/attacks/support/people.ts';
import { assertUnchanged } from '../../../../test/attacks/support/database.ts';
import { readTags } from '../../../../test/support/html.ts';
import type { Answer, Visitor } from '../../../../test/support/http.ts';
import { openTestPortal, signInWith, type TestPortal } from '../../../../test/support/portal.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { auditEvents } from '../../../audit/events.ts';
import { languages } from '../../../kernel/person.ts';
import type { AuditEntry } from '../../../kernel/ports.ts';
import { startOfDay, readDay } from '../audit-dates.ts';

/** The rows of the list, each as one line of text. */
function rowsOf(page: Answer): string[] {
  const body = /<tbody>([\s\S]*)<\/tbody>/.exec(page.html)?.[1] ?? '';
  return body.split('</tr>').flatMap((row) => {
    const text = row
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim();
    return text === '' ? [] : [text];
  });
}

describeWithAuthenticator('The Audit tab', () => {
  let portal: TestPortal;
  let admin: Member;
  let visitor: Visitor;
  before(async () => {
    portal = await openTestPortal();
    admin = await addMember(portal, { kind: 'staff', profile: 'admin', name: 'Otto Admin' });
    visitor = await signInFully(portal, admin);
  });
  after(() => portal.close());

  const record = (entry: Partial<AuditEntry> & { event: string }) =>
    portal.audit.record({ outcome: 'success', actor: { kind: 'command' }, ...entry });

  it('tells newest first and in words who did what, to whom, why, and from where', async () => {
    const ada = await portal.addPerson({ name: 'Ada Lovelace' });
    await signInWith(portal.visitor(), ada.email, 'not the right one');
    portal.clock.advance({ seconds: 5 });
    await record({
      event: 'enrolment.reset',
      actor: { kind: 'person', id: admin.person.id },
      target: { kind: 'person', id: ada.id },
      reason: 'Lost phone, <seen> in person',
    });
    const page = await visitor.get('/staff/audit');
    assert.equal(page.status, 200);
    await assertValidHtml(page.html);
    const [reset = '', refused = ''] = rowsOf(page);
    assert.match(reset, /The second step was reset.*Lost phone, &lt;seen&gt; in person.*Otto Admin.*Ada Lovelace/);
    assert.match(refused, /A sign-in was refused Refused.*The password was not right.*Nobody signed in.*Ada Lovelace/);
    assert.match(refused, /127\.0\.0\.1/);
    assert.ok(page.html.includes(`href="/staff/contacts/${ada.id}"`));
    assert.ok(page.html.includes(`href="/staff/users/${admin.person.id}"`));
  });

  it('finds the events of a person: one that is meant at once, of several one is chosen', async () => {
    const company = await portal.companies.create('Fabrikam');
    const tell = (personId: string) => record({ event: 'person.edited', target: { kind: 'person', id: personId } });
    const [bea, bert] = [
      await portal.addPerson({ name: 'Bea Blum', email: 'bea@fabrikam.example', company }),
      await portal.addPerson({ name: 'Bert Blum', email: 'bert@fabrikam.example', company }),
    ];
    for (const { id } of [bea, bert, bert]) await tell(id);

    const one = await visitor.follow(await visitor.get('/staff/audit?who=bert@fab&event=person.edited'));
    assert.equal(rowsOf(one).length, 2);
    assert.match(one.text, /Person Bert Blum Everybody’s events/);
    const several = await visitor.get('/staff/audit?who=blum&event=person.edited');
    assert.match(several.text, /Whose events\? Bea Blum bea@fabrikam\.example, Fabrikam Bert Blum/);
    assert.deepEqual(rowsOf(several), []);
    const href = readTags(several.html)
      .map((tag) => tag.attributes.get('href') ?? '')
      .find((text) => text.includes(bea.id));
    const chosen = await visitor.get((href ?? '').replaceAll('&amp;', '&'));
    assert.equal(rowsOf(chosen).length, 1, 'the other values of the form are kept');
    const nobody = await visitor.get('/staff/audit?who=nobody.at.all');
    assert.equal(nobody.status, 422);
    assert.match(nobody.text, /Nobody’s name or address begins like this/);
  });

  it('still tells the events of somebody who was removed, by nothing but the id', async () => {
    const gone = new Types.ObjectId().toHexString();
    await record({ event: 'person.removed', target: { kind: 'person', id: gone } });
    const page = await visitor.get(`/staff/audit?person=${gone}`);
    assert.equal(rowsOf(page).length, 1);
    assert.match(page.text, new RegExp(`The account was removed.*Somebody removed \\(${gone}\\)`));
  });

  it('goes on to older rows by key: what is added meanwhile moves no row, and rows of one moment are each shown once', async () => {
    const target = { kind: 'person' as const, id: new Types.ObjectId().toHexString() };
    for (let count = 0; count < 120; count += 1) {
      if (count % 40 === 0) portal.clock.advance({ seconds: 1 });
      await record({ event: 'person.edited', target, reason: `row ${String(count)}.` });
    }
    const seen: string[] = [];
    let next: string | undefined = `/staff/audit?person=${target.id}&outcome=success`;
    let pages = 0;
    while (next !== undefined) {
      const page: Answer = await visitor.get(next);
      seen.push(...rowsOf(page).map((row) => /row \d+\./.exec(row)?.[0] ?? ''));
      next = /<a href="([^"]*)" rel="next"/.exec(page.html)?.[1]?.replaceAll('&amp;', '&').replaceAll('&#38;', '&');
      pages += 1;
      await record({ event: 'person.edited', target, reason: 'later' });
    }
    assert.equal(pages, 3);
    assert.deepEqual(
      seen,
      Array.from({ length: 120 }, (_, index) => `row ${String(119 - index)}.`),
    );
  });

  it('narrows by event, outcome and days, and keeps what was chosen in the form', async () => {
    const target = { kind: 'person' as const, id: new Types.ObjectId().toHexString() };
    await record({ event: 'factor.locked', outcome: 'failure', factor: 'no-such-factor', target });
    await record({ event: 'person.edited', target });
    const today = portal.clock.now().toISOString().slice(0, 10);
    const page = await visitor.get(
      `/staff/audit?person=${target.id}&event=factor.locked&outcome=failure&from=${today}&to=${today}`,
    );
    assert.match(rowsOf(page)[0] ?? '', /Locked after 100 wrong codes: no-such-factor/);
    assert.equal(rowsOf(page).length, 1);
    const chosen = readTags(page.html).filter((tag) => tag.attributes.has('selected'));
    assert.deepEqual(
      chosen.map((tag) => tag.attributes.get('value')),
      ['factor.locked', 'failure'],
    );
    assert.ok(page.html.includes(`value="${today}"`));
    const never = await visitor.get(`/staff/audit?person=${target.id}&to=2001-01-01`);
    assert.match(never.text, /No event fits this filter/);
  });

  it('has every event of the portal and of each factor to choose from, once', async () => {
    const page = await visitor.get('/staff/audit');
    const values = readTags(page.html)
      .filter((tag) => tag.name === 'option' && !tag.closes)
      .map((tag) => tag.attributes.get('value') ?? '')
      .filter((value) => value.includes('.'));
    assert.deepEqual([...values].sort(), portal.audit.events().sort());
    assert.equal(new Set(values).size, values.length);
  });

  it('names groups, companies and settings as they are called when it is read, and keeps only ids of them', async () => {
    const master = await addMember(portal, { kind: 'staff', profile: 'master-admin', name: 'Mara Master' });
    const boss = await signInFully(portal, master);
    await portal.companies.create('Quarry Foods');
    const home = '/staff/settings/groups';
    const made = await boss.submit(home, { name: 'Pilots', word: 'required' }, { from: home });
    const path = made.location ?? assert.fail(made.text);
    await boss.submit(`${path}/companies`, { company: 'Quarry Foods' }, { from: path });
    await boss.submit(path, { name: 'Crew', word: 'optional' }, { from: path });
    const stored = (await portal.audit.latest({ event: 'group.changed' }, 9)).map(({ detail }) =>
      JSON.stringify(detail),
    );
    assert.equal(stored.length, 3);
    for (const detail of stored) assert.doesNotMatch(detail, /Pilots|Crew|Quarry/);
    const [changed = '', put = '', added = ''] = rowsOf(await visitor.get('/staff/audit?event=group.changed'));
    assert.match(
      added,
      /A group of companies was changed It was added Details.*Second step .*equired.* Mara Master.* Crew/,
    );
    assert.match(put, /Company – → Quarry Foods .* Crew/);
    assert.match(changed, /Name changed Second step .*→.*Crew/);
    await boss.submit(`${path}/remove`, {}, { from: path });
    const [removed = ''] = rowsOf(await visitor.get('/staff/audit?event=group.changed'));
    assert.match(removed, /It was removed .*A group that was removed \([0-9a-f]{24}\)/);
    await record({
      event: 'policy.changed',
      target: { kind: 'policy', id: 'contact' },
      detail: { mode: 'optional -> required', graceDays: '0 -> 5', 'long-gone:length': '6 -> 8' },
    });
    const [policy = ''] = rowsOf(await visitor.get('/staff/audit?event=policy.changed'));
    assert.doesNotMatch(policy, /graceDays|optional ->|settings\./);
    assert.match(policy, /0 → 5.*long-gone: length 6 → 8/);
  });

  it('says what factors noted in the reader’s language, and shows no key: not even of a factor that is gone', async () => {
    const target = { kind: 'person' as const, id: new Types.ObjectId().toHexString() };
    portal.audit.allow(['long-gone.lost-it']);
    const own = portal.audit.events().filter((event) => !(event in auditEvents));
    assert.ok(own.length > 1);
    for (const event of own) await record({ event, target });
    const said: string[][] = [];
    try {
      for (const language of languages) {
        await portal.accounts.setPreferences(admin.person.id, { language, timeZone: null });
        const page = await visitor.get(`/staff/audit?person=${target.id}`);
        const texts = [...page.html.matchAll(/<span class="event-text">([^<]*)</g)].map(([, text = '']) => text);
        const options = [...page.html.matchAll(/<option[^>]*>([^<]*)</g)].map(([, text = '']) => text);
        assert.equal(texts.length, own.length);
        for (const text of [...texts, ...options]) assert.doesNotMatch(text, /\w\.\w/);
        said.push(texts);
      }
    } finally {
      await portal.accounts.setPreferences(admin.person.id, { language: null, timeZone: null });
    }
    const [first = [], second = []] = said;
    assert.deepEqual(
      first.filter((text) => second.includes(text)),
      [],
      'each in both languages',
    );
    assert.ok(first.some((text) => text.includes('no longer there: long-gone')));
  });

  it('counts days in the reader’s own time zone', async () => {
    await portal.accounts.setPreferences(admin.person.id, { language: null, timeZone: 'Pacific/Auckland' });
    try {
      const target = { kind: 'person' as const, id: new Types.ObjectId().toHexString() };
      await record({ event: 'person.edited', target });
      const day = (plus: number) =>
        new Intl.DateTimeFormat('sv-SE', { timeZone: 'Pacific/Auckland' }).format(
          new Date(portal.clock.now().getTime() + plus * 86_400_000),
        );
      const count = async (query: string) =>
        rowsOf(await visitor.get(`/staff/audit?person=${target.id}&${query}`)).length;
      assert.equal(await count(`from=${day(0)}&to=${day(0)}`), 1);
      assert.equal(await count(`from=${day(1)}`), 0);
      assert.equal(await count(`to=${day(-1)}`), 0);
      assert.match((await visitor.get('/staff/audit')).text, /Times are in Pacific\/Auckland/);
    } finally {
      await portal.accounts.setPreferences(admin.person.id, { language: null, timeZone: null });
    }
  });

  it('answers rubbish in the address with a sentence or without it, never with an error, and changes nothing', async () => {
    const shown = rowsOf(await visitor.get('/staff/audit')).length;
    const rubbish: Record<string, number> = {
      'event=constructor': 200,
      'event=no.such': 200,
      'outcome=perhaps': 200,
      'person=1': 200,
      'person[$ne]=1': 200,
      'from=2026-02-30': 422,
      'from=yesterday&to=tomorrow': 422,
      'from=2026-03-02&to=2026-03-01': 422,
      'to=9999-12-31': 422,
      'from=0000-00-00': 422,
      'who=%00': 400,
      'who=(a%2B)%2B$': 422,
      'after=1': 400,
      'after=99999999999999999-0123456789abcdef01234567': 400,
      'after=1-0123456789abcdef01234567&after=2': 400,
      [`event=${'x'.repeat(200)}`]: 400,
    };
    for (const [query, status] of Object.entries(rubbish)) {
      const page = await assertUnchanged(portal, () => visitor.get(`/staff/audit?${query}`), query);
      assert.equal(page.status, status, query);
      if (status === 422) await assertValidHtml(page.html, query);
      if (status === 200) assert.equal(rowsOf(page).length, shown, query);
    }
  });
});

describe('A day in a time zone', () => {
  const start = (text: string, zone: string, plus?: number) => {
    const day = readDay(text);
    assert.ok(day);
    return startOfDay(day, zone, plus).toISOString();
  };
  it('begins at its own midnight, also around a change of the clocks', () => {
    assert.equal(start('2026-03-29', 'Europe/Berlin'), '2026-03-28T23:00:00.000Z');
    assert.equal(start('2026-03-29', 'Europe/Berlin', 1), '2026-03-29T22:00:00.000Z');
    assert.equal(start('2026-10-25', 'Europe/Berlin', 1), '2026-10-25T23:00:00.000Z');
    assert.equal(start('2026-12-31', 'Pacific/Kiritimati', 1), '2026-12-31T10:00:00.000Z');
    assert.equal(start('2026-01-01', 'UTC'), '2026-01-01T00:00:00.000Z');
  });
  it('is one of the calendar', () => {
    for (const text of ['2026-02-29', '2026-13-01', '2026-1-1', '', '2026-01-01 ', '9999-01-01'])
      assert.equal(readDay(text), null, text);
    assert.ok(readDay('2028-02-29'));
  });
});
