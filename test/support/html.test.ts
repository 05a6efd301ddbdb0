import assert from 'node:assert/strict';
import { decodeEntities, readForms, readTags, readText } from './html.ts';

describe('how the tests read a page', () => {
  it('finds the forms with their hidden fields, whatever the order and the quotes of attributes', () => {
    const [form, ...others] = readForms(`
      <form method=POST action='/sign-in?returnTo=%2Fhome&amp;x=1' class="a > b">
        <input value="to&quot;ken&#x3D;" type='hidden' name="_csrf"><INPUT type=hidden name=purpose value=signIn />
        <input name="code" autocomplete="one-time-code"><button name="do" value="it">Go on</button>
      </form>`);
    assert.equal(others.length, 0);
    assert.equal(form?.method, 'post');
    assert.equal(form.action, '/sign-in?returnTo=%2Fhome&x=1');
    assert.deepEqual(Object.fromEntries(form.hidden), { _csrf: 'to"ken=', purpose: 'signIn' });
    assert.deepEqual([...form.fieldNames], ['_csrf', 'purpose', 'code', 'do']);
  });

  it('is not taken in by markup in comments, scripts, text areas and attribute values', () => {
    const html = `<!-- <form method=post> --><script>"<form>"</script><textarea><form></textarea>
      <p title="<form method='post'>">x</p><form method="post" action="/real"></form>`;
    assert.deepEqual(
      readForms(html).map(({ action }) => action),
      ['/real'],
    );
  });

  it('counts a field outside to the form that it names', () => {
    const [form] = readForms('<form id=a method=post></form><input form=a type=hidden name=n value=v>');
    assert.deepEqual([...(form?.hidden ?? [])], [['n', 'v']]);
  });

  it('reads what a reader sees', () => {
    assert.equal(
      readText('<head><title>T</title></head><p>Ada &amp;\n  <b>Bob</b></p><script>no</script>'),
      'Ada & Bob',
    );
    assert.equal(decodeEntities('&lt;&#39;&unknown;&#x1F600;'), "<'&unknown;😀");
    assert.deepEqual(
      readTags('<P Class=x></P>').map(({ name, closes }) => [name, closes]),
      [
        ['p', false],
        ['p', true],
      ],
    );
  });
});
