import { Router } from 'express';
import type { Links } from '../../accounts/links.ts';
import { Refused } from '../../kernel/errors.ts';
import type { Translate } from '../../kernel/ports.ts';
import { signedIn, type SignIn } from '../../kernel/sign-in.ts';
import { translateOf, type Engine } from '../../mfa/engine.ts';
import { describeDevice } from '../../platform/device.ts';
import type { Flash } from '../../platform/http/flash.ts';
import type { SignInService } from '../../sign-in/sign-ins.ts';

const path = '/account/sessions';
const idForm = /^[A-Za-z0-9_-]{22}$/;

/** Where a person is signed in, and the end of it; after a fresh proof, for whoever took a session over would end the owner's (SES-11). */
export function sessionRoutes(ports: {
  signIns: SignInService;
  links: Pick<Links, 'revoke'>;
  engine: Engine;
  flash: Flash;
}): Router {
  const router = Router();
  const { signIns, links, engine, flash } = ports;

  router.get(path, engine.freshly, async (req, res) => {
    const { person, signIn: current } = signedIn(signIns, req);
    const t = translateOf(res);
    const all = await signIns.listOf(person);
    const here = all.filter(({ id }) => id === current.id);
    const others = all.filter(({ id }) => id !== current.id);
    res.render('account/sessions', {
      sessions: [...here, ...others].map((signIn) => sessionLine(signIn, { t, isCurrent: signIn.id === current.id })),
      others: others.length,
    });
  });

  // Before ":id", which it could else be taken for.
  router.post(`${path}/end-others`, engine.freshly, async (req, res) => {
    const { person } = signedIn(signIns, req);
    await signIns.endOthers(req, 'ended-elsewhere');
    // One of those that are ended may have asked for it.
    await links.revoke(person.id, 'emailChange');
    flash.set(res, { kind: 'success', key: 'account.sessions.othersEnded' });
    res.redirect(303, path);
  });

  // One's own is ended by signing out; somebody else's, one that is over and one that never was are the same 404.
  router.post(`${path}/:id/end`, engine.freshly, async (req, res) => {
    const { person, signIn } = signedIn(signIns, req);
    const id = String(req.params['id']);
    const by = { actor: { kind: 'person' as const, id: person.id }, reason: 'ended-elsewhere' };
    if (!idForm.test(id) || id === signIn.id || !(await signIns.endOne(person.id, id, by)))
      throw new Refused('not-found');
    flash.set(res, { kind: 'success', key: 'account.sessions.ended' });
    res.redirect(303, path);
  });

  return router;
}

function sessionLine(signIn: SignIn, { t, isCurrent }: { t: Translate; isCurrent: boolean }): object {
  const device = describeDevice(signIn.userAgent);
  return {
    device: device
      ? [device.browser, device.system].filter((part) => part !== null).join(', ')
      : t('account.sessions.unknownDevice'),
    address: signIn.address.replace(/^::ffff:(?=\d+\.)/i, ''),
    signedIn: signIn.satisfiedAt,
    lastSeen: signIn.lastSeenAt,
    methods: [...new Set(signIn.methods)].map((method) => methodWords(t, method)).join(', '),
    endAction: isCurrent ? null : `${path}/${signIn.id}/end`,
  };
}

/** A factor brings its own name; one that was taken out of the portal has none any more. */
function methodWords(t: Translate, method: string): string {
  if (method === 'password') return t('account.sessions.password');
  const key = `${method}.name`;
  const name = t(key);
  return name === key ? t('account.sessions.formerFactor') : name;
}
