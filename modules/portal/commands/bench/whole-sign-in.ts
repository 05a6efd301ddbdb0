import { performance } from 'node:perf_hooks';
import { Browser, type Answer } from './browser.ts';
import type { TakenContact } from './contacts-in-turn.ts';

/** What a browser does to sign in, in order; a page's time includes the redirects that lead to it. */
export const steps = ['sign-in page', 'password', 'challenge page', 'code', 'home page'] as const;
export type Step = (typeof steps)[number];

/** The portal says that it has too much to do, which it may (RL-10). */
export class TooBusy extends Error {
  override name = 'TooBusy';
}

/** Signs a contact in and tells how long each step took. Throws where the portal does anything else. */
export async function signInWhole(
  browser: Browser,
  contact: TakenContact,
  took: (step: Step, ms: number) => void,
): Promise<void> {
  const timed = async (
    step: Step,
    run: () => Promise<Answer>,
    expected: (answer: Answer) => boolean,
  ): Promise<Answer> => {
    const begun = performance.now();
    const answer = await run();
    took(step, performance.now() - begun);
    if (answer.status === 503) throw new TooBusy();
    if (!expected(answer))
      throw new Error(`${step}: ${answer.path} answered ${String(answer.status)}\n${answer.html.slice(0, 2000)}`);
    return answer;
  };
  const isPage = (path: string) => (answer: Answer) => answer.status === 200 && answer.path === path;
  const isRedirect = ({ status }: Answer) => status === 303;
  const { email, password } = contact;
  await timed('sign-in page', () => browser.get('/sign-in'), isPage('/sign-in'));
  const asked = await timed('password', () => browser.post('/sign-in', { email, password }), isRedirect);
  await timed('challenge page', () => browser.follow(asked), isPage('/sign-in/challenge'));
  const code = contact.code();
  const proven = await timed('code', () => browser.post('/sign-in/challenge', { code }), isRedirect);
  await timed('home page', () => browser.follow(proven), isPage('/home'));
}
