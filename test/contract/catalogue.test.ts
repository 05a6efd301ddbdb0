// The texts of the portal: every key that is used has one, and every one that is there is used.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { contactStates } from '../../modules/accounts/directory.ts';
import { auditEvents } from '../../modules/audit/events.ts';
import { languages, permissions, type Language } from '../../modules/kernel/person.ts';
import { refusals } from '../../modules/kernel/errors.ts';
import { factorSettings, freshPolicies, portalSettings, presetNames } from '../../modules/mfa/policy/policy.ts';
import { groupWords } from '../../modules/mfa/policy/groups.ts';
import { noEffect } from '../../modules/mfa/policy/preview.ts';
import { fieldsOf } from '../../modules/portal/settings/policy-choice.ts';
import { decide, type Facts } from '../../modules/mfa/policy/decide.ts';
import { catalogueFiles, readCatalogue } from '../../modules/platform/i18n.ts';
import { companyActions } from '../../modules/portal/company/company-actions.ts';
import { auditAreas } from '../../modules/portal/staff/audit-page.ts';
import { auditDetails, auditValues } from '../../modules/portal/staff/audit-details.ts';
import { auditReasons } from '../../modules/portal/staff/audit-words.ts';
import { mailFaults, mailKinds } from '../../modules/portal/staff/mail-page.ts';
import { userStates } from '../../modules/portal/staff/users-page.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const textsOf = (language: Language) =>
  Object.fromEntries(readCatalogue(catalogueFiles(join(root, 'views/locales'), language)));
const texts = textsOf('en');

function sources(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending) && !/(?:^|\/)(?:test|factors)\//.test(name))
    .map((name) => join(root, folder, name));
}

const code = [...sources('modules', '.ts'), ...sources('views', '.ejs'), join(root, 'server.ts')]
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n');

/** Keys that are put together at run time: what stands in front, and everything that may follow. */
const composed: Readonly<Record<string, readonly string[]>> = {
  'account.home.state': ['On', 'Off', 'Recommended', 'Required', 'Unavailable'],
  'account.security.state.': ['on', 'off', 'recommended', 'required', 'unavailable'],
  'blocked.': ['stranded.heading', 'stranded.text', 'noFactor.heading', 'noFactor.text'],
  'error.': [400, 403, 404, 413, 415, 422, 429, 500, 503].map((status) => `${String(status)}.heading`),
};

/** Prefixes of composed keys whose ends come from a table elsewhere. */
const fromTables: Readonly<Record<string, readonly string[]>> = {
  'audit.area.': auditAreas,
  'auditDetail.': auditDetails,
  'auditEvent.': Object.keys(auditEvents),
  'auditReason.': auditReasons,
  'auditValue.': auditValues,
  'auditWords.': ['command', 'portal', 'anonymous'],
  'company.action.': companyActions.flatMap(({ path }) =>
    ['link', 'heading', 'text', 'submit'].map((part) => `${path}.${part}`),
  ),
  // A reset is done again where there is nothing left.
  'company.already.': companyActions.map(({ path }) => path).filter((path) => path !== 'reset-mfa'),
  'company.done.': companyActions.map(({ path }) => path),
  'company.state.': ['on', 'off', 'invited', 'disabled'],
  'settings.groups.word.': ['none', ...groupWords],
  'settings.effect.': Object.keys(noEffect)
    .filter((name) => name !== 'people')
    .flatMap((name) => [`${name}.one`, `${name}.many`]),
  'settings.field.': fieldsOf(portalSettings.extend(factorSettings.shape)).flatMap(({ name, options }) => [
    name,
    `${name}.hint`,
    ...options.map((option) => `${name}.${option}`),
  ]),
  'settings.home.': ['portal', 'policy', 'staff', 'groups', 'profiles', 'history'].flatMap((name) => [
    name,
    `${name}Text`,
  ]),
  'settings.preset.': presetNames.flatMap((name) => [`${name}.name`, `${name}.text`]),
  'mailbox.fault.': mailFaults,
  'mailbox.kind.': mailKinds,
  'staff.permission.': permissions,
  'staff.reason.': reasonsOfThePolicy(),
  'staff.state.': contactStates,
  'users.state.': userStates,
};

/** Every reason that the policy can give, found by asking it about every kind of person. */
function reasonsOfThePolicy(): string[] {
  const now = new Date();
  const one = { id: 'a', factor: 'a', role: 'primary', installed: true, on: true, stuck: false, epoch: 0 };
  const axes = {
    policy: ['off', 'optional', 'required'].flatMap((mode) =>
      ['keepAsking', 'suspend'].map((whenOff) => ({ ...freshPolicies.contact, mode, whenOff })),
    ),
    staffWord: ['inherit', 'required', 'exempt'],
    companyWord: ['inherit', 'required'],
    groupWords: [[], ['off'], ['optional'], ['required']],
    enrolments: [[], [one], [{ ...one, on: false }], [{ ...one, stuck: true }]],
    available: [[], ['a']],
    graceUntil: [null, new Date(now.getTime() + 1000)],
    now: [now],
  };
  const everybody = Object.entries(axes).reduce<object[]>(
    (people, [name, values]) => people.flatMap((facts) => values.map((value) => ({ ...facts, [name]: value }))),
    [{}],
  );
  return [...new Set(everybody.map((facts) => decide(facts as Facts).reason))];
}

describe('The catalogue of the portal', () => {
  const literal = new Set([...code.matchAll(/['"`]([a-z]\w*(?:\.\w+){1,3})['"`]/g)].map(([, key = '']) => key));

  it('has a text for every refusal', () => {
    const missing = Object.entries(refusals)
      .filter(([, { key }]) => !(key in texts))
      .map(([name, { key }]) => `${name}: ${key}`);
    assert.deepEqual(missing, []);
  });

  it('has a text for every key that a page or a module translates', () => {
    const translated = [
      ...code.matchAll(/\bt\(\s*'([^']+)'\s*[,)]/g),
      ...code.matchAll(/\bkey: '([a-z]\w*(?:\.\w+)+)'/g),
    ].map(([, key = '']) => key);
    assert.deepEqual(
      [...new Set(translated)].filter((key) => !(key in texts)),
      [],
    );
  });

  it('has a text for every key that is put together', () => {
    const patterns = [...code.matchAll(/\bt\(\s*[`']([a-zA-Z.]+)(?:\$\{|' \+)/g)].map(([, prefix = '']) => prefix);
    const known = new Set([
      ...Object.keys(composed),
      ...Object.keys(fromTables),
      'policy.reason.',
      'settings.field.mode.',
    ]);
    assert.deepEqual(
      [...new Set(patterns)].filter((prefix) => !known.has(prefix)),
      [],
      'Add these to the lists of this test, with what may follow.',
    );
    const missing = [...Object.entries(composed), ...Object.entries(fromTables)]
      .flatMap(([prefix, ends]) => ends.map((end) => prefix + end))
      .filter((key) => !(key in texts));
    assert.deepEqual(missing, []);
  });

  it('has words for every reason of the policy that the audit keeps', () => {
    assert.deepEqual(
      reasonsOfThePolicy().filter((reason) => !(auditReasons as readonly string[]).includes(reason)),
      [],
    );
  });

  it('has no text that nobody uses', () => {
    const put = new Set(
      [...Object.entries(composed), ...Object.entries(fromTables)].flatMap(([prefix, ends]) =>
        ends.map((end) => prefix + end),
      ),
    );
    const reasons = [...code.matchAll(/reason: (?:[^\n]*?)'(\w+)'/g)].map(
      ([, reason = '']) => `policy.reason.${reason}`,
    );
    const unused = Object.keys(texts).filter(
      (key) => !literal.has(key) && !put.has(key) && !reasons.includes(key) && !key.startsWith('policy.reason.'),
    );
    assert.deepEqual(unused, []);
  });

  for (const language of languages) {
    it(`has the same texts in ${language}, with the same places`, () => {
      const others = textsOf(language);
      const placesOf = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([place]) => place).sort();
      assert.deepEqual(Object.keys(others).sort(), Object.keys(texts).sort());
      for (const [key, text] of Object.entries(texts))
        assert.deepEqual([...new Set(placesOf(others[key] ?? ''))], [...new Set(placesOf(text))], key);
    });
  }

  it('has one German word for one thing, as the glossary of CONTRIBUTING.md says', () => {
    const other = {
      'zweiter Schritt': /zweite[rnsm]* Faktor/i,
      Faktor: /Verfahren/,
      Textnachricht: /\bSMS\b/,
      'E-Mail': /(?<!E-)\bMails?\b/,
      Regeln: /Richtlinie/,
      Mitarbeitende: /Mitarbeiter|Mitglied/,
      'Bereich „Admin“': /Verwaltung|Admin-Bereich|[Aa]dministrator/,
      entsperren: /freigeb|Freigabe/,
      deaktivieren: /Konto(?: von \{name\})? (?:ist ge)?sperr/,
      Personen: /Menschen/,
      abweisen: /abgelehnt|verweigert/,
      Befehlszeile: /Kommandozeile/,
    };
    for (const [key, text] of Object.entries(textsOf('de')))
      for (const [word, wrong] of Object.entries(other)) assert.doesNotMatch(text, wrong, `${key}: ${word}`);
  });

  it('names in each text only places that are written in the code', () => {
    for (const [key, text] of Object.entries(texts)) {
      for (const [, name = ''] of text.matchAll(/\{(\w+)\}/g))
        assert.match(code, new RegExp(`\\b${name}\\b`), `${key}: {${name}}`);
      assert.ok(text.trim() !== '', key);
    }
  });
});
