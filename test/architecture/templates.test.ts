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
  const findings = (find: (text: string) => string[]) =>
    templates.flatMap((file) => find(readFileSync(join(root, file), 'utf8')).map((finding) => `${file}: ${finding}`));

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
        (text) => text.match(/<script(?![^>]*\bsrc=)[^>]*>|<style\b|\sstyle=|\son[a-z]+=["']|javascript:/gi) ?? [],
      ),
      [],
    );
  });
});
