import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesBelow } from './source-files.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const templates = [...filesBelow(root, 'views'), ...filesBelow(root, 'modules')].filter((file) =>
  file.endsWith('.ejs'),
);

describe('Templates', () => {
  const findings = (find: (text: string, file: string) => string[]) =>
    templates.flatMap((file) =>
      find(readFileSync(join(root, file), 'utf8'), file).map((finding) => `${file}: ${finding}`),
    );
  // No stylesheet and no policy of ours reach a mail: its few styles stand at the elements.
  const pageOf = (text: string, file: string) =>
    file.startsWith('views/mail/') ? text.replace(/\sstyle="[^"]*"/g, '') : text;

  it('are there to be looked at', () => {
    assert.ok(templates.length > 20);
  });

  it('write nothing unescaped: <%- is for include alone', () => {
    assert.deepEqual(
      findings((text) => text.match(/<%-(?!\s*include\()[^%]*/g) ?? []),
      [],
    );
  });

  it('put the form token into every form that posts', () => {
    const withoutToken = (text: string) =>
      [...text.matchAll(/<form\b(?:<%[\s\S]*?%>|[^>])*method=["']?post\b[\s\S]*?<\/form>/gi)]
        .map(([form]) => form)
        .filter((form) => !form.includes("include('partials/csrf')"));
    assert.deepEqual(findings(withoutToken), []);
  });

  it('have no inline script, style or event handler: the content policy would stop them', () => {
    assert.deepEqual(
      findings(
        (text, file) =>
          pageOf(text, file).match(/<script(?![^>]*\bsrc=)[^>]*>|<style\b|\sstyle=|\son[a-z]+=["']|javascript:/gi) ??
          [],
      ),
      [],
    );
  });
});
