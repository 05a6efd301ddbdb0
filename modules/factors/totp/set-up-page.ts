import type { Request, Response } from 'express';
import QRCode from 'qrcode';
import { Refused, type MessageParams } from '../../kernel/errors.ts';
import { keyLabel, keyUri } from './key-uri.ts';
import type { TotpHost } from './secret.ts';
import { maxAuthenticators, policyOf, runningSetUp, type RunningSetUp } from './set-up.ts';

/** What the set-up pages work with: the host and the name that apps show for the portal. */
export interface SetUpPages {
  host: TotpHost;
  issuer: string;
}

/** A refusal as the set-up page shows it: at its field, with the typed name kept. */
export interface PageRefusal {
  key: string;
  params?: MessageParams;
  field?: string;
  status?: number;
  name?: string;
  retryAfterSeconds?: number;
}

/** Answers with the three steps while a set-up runs, else with the button that starts one. A GET changes nothing (CSRF-4). */
export async function showSetUp(pages: SetUpPages, req: Request, res: Response, refusal?: PageRefusal): Promise<void> {
  const { host } = pages;
  const policy = await policyOf(host, req);
  const others = await host.enrolments.list(host.person(req).id);
  const setUp = await runningSetUp(host, req);
  const t = host.translate(req);
  const sentence = refusal && { field: setUp ? (refusal.field ?? '') : '', text: t(refusal.key, refusal.params) };
  const form = {
    values: { name: refusal?.name ?? setUp?.authenticator.name ?? '' },
    errors: sentence ? [sentence] : [],
  };
  const heading = t(others.length > 0 ? 'totp.enrol.headingAnother' : 'totp.enrol.heading');
  res.status(refusal ? (refusal.status ?? 422) : 200).set('Cache-Control', 'no-store');
  if (refusal?.retryAfterSeconds !== undefined) res.set('Retry-After', String(refusal.retryAfterSeconds));
  if (!setUp) {
    res.render('begin', { heading, form, full: others.length >= maxAuthenticators });
    return;
  }
  const label = labelFor(pages, req);
  res.render('set-up', {
    heading,
    form,
    secret: setUp.secret,
    keyUri: keyUri({ secret: setUp.secret, label }),
    issuer: label.issuer,
    accountLabel: label.account,
    revealed: policy.qrReveal === 'immediate' || req.query['show'] === 'key' || refusal !== undefined,
    split: policy.activation === 'explicit',
  });
}

/** The page of the code, and the page that turns on: steps of their own where the policy splits them (Z7-Z9). */
export async function showStep(
  pages: SetUpPages,
  req: Request,
  res: Response,
  at: { view: 'code' | 'enable'; refusal?: PageRefusal },
): Promise<void> {
  const t = pages.host.translate(req);
  const { refusal } = at;
  res.status(refusal ? (refusal.status ?? 422) : 200).set('Cache-Control', 'no-store');
  if (refusal?.retryAfterSeconds !== undefined) res.set('Retry-After', String(refusal.retryAfterSeconds));
  const errors = refusal ? [{ field: refusal.field ?? '', text: t(refusal.key, refusal.params) }] : [];
  res.render(at.view, { form: { values: {}, errors } });
}

/** Answers with the QR code as a picture of the same origin, so that the CSP needs no `data:`; only while the set-up runs (TOTP-8). */
export async function sendPicture(pages: SetUpPages, req: Request, res: Response): Promise<void> {
  const setUp = await runningSetUp(pages.host, req);
  if (!setUp) throw new Refused('not-found');
  const svg = await drawKey(setUp, pages, req);
  res.set({
    'Cache-Control': 'no-store',
    // Opened by itself an SVG is a document: it gets no rights at all, and no other site may embed it.
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
    'Cross-Origin-Resource-Policy': 'same-origin',
    'X-Content-Type-Options': 'nosniff',
  });
  res.type('image/svg+xml').send(svg);
}

function drawKey(setUp: RunningSetUp, pages: SetUpPages, req: Request): Promise<string> {
  const uri = keyUri({ secret: setUp.secret, label: labelFor(pages, req) });
  // White in dark mode too; the stylesheet's white frame makes the quiet zone of four modules whole.
  return QRCode.toString(uri, {
    type: 'svg',
    errorCorrectionLevel: 'M',
    margin: 2,
    color: { dark: '#000000', light: '#ffffff' },
  });
}

function labelFor({ host, issuer }: SetUpPages, req: Request) {
  return keyLabel({ issuer, account: host.person(req).email });
}
