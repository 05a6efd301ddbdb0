/** The part of a test's browser that a set-up needs. */
interface Client {
  submit(
    path: string,
    fields?: Readonly<Record<string, string>>,
    options?: { from?: string },
  ): Promise<{ status: number; html: string }>;
}

/** The person's list: the codes that were not given out yet. */
interface Paper {
  secret: string;
  codes?: string[];
}

/** Where the codes are made. */
export const home = '/account/factors/backup-codes';

/** Makes codes and answers with them as a person with the list would. */
export const driver = {
  id: 'backup-codes',
  role: 'recovery',

  /** In the browser of somebody who has a primary factor. A second time: new codes, the old ones are dead. */
  async enrol(client: Client): Promise<Paper & { codes: string[] }> {
    const page = await client.submit(home, {}, { from: home });
    if (page.status !== 200) throw new Error(`The codes were refused with status ${String(page.status)}.`);
    const codes = readCodes(page.html);
    return { secret: codes.join(' '), codes };
  },

  /** The next one on the list. */
  code(paper: Paper): string {
    const code = paper.codes?.shift();
    if (code === undefined) throw new Error('All codes are given out.');
    return code;
  },

  /** One whose last character is another. */
  wrongCode(paper: Paper): string {
    const [code = ''] = paper.secret.split(' ');
    return code.slice(0, -1) + (code.endsWith('7') ? '8' : '7');
  },
};

/** The codes that the answer shows. */
export function readCodes(html: string): string[] {
  const codes = [...html.matchAll(/<li>(\d{1,2}-[0-9A-Z]{5}-[0-9A-Z]{4}-[0-9A-Z]{4})<\/li>/g)].map(
    ([, code = '']) => code,
  );
  if (codes.length === 0) throw new Error('The page shows no codes.');
  return codes;
}
