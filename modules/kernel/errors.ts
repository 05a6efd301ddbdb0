/** Every refusal the portal can give: its HTTP status and the catalogue key of its sentence. Closed: a test holds it equal to the catalogue. */
export const refusals = {
  'sign-in-credentials': { status: 422, key: 'signIn.refused.credentials' },
  'sign-in-throttled': { status: 429, key: 'signIn.refused.throttled' },
  'password-throttled': { status: 429, key: 'password.refused.throttled' },
  'sign-in-expired': { status: 403, key: 'signIn.refused.expired' },
  'set-up-closed': { status: 403, key: 'setUp.refused.closed' },
  'code-wrong': { status: 422, key: 'challenge.refused.code' },
  'code-throttled': { status: 429, key: 'challenge.refused.throttled' },
  'challenge-expired': { status: 403, key: 'challenge.refused.expired' },
  'factor-unavailable': { status: 403, key: 'policy.reason.stranded' },
  'enrolment-not-allowed': { status: 403, key: 'enrolment.refused.notAllowed' },
  'deactivate-first': { status: 403, key: 'enrolment.refused.deactivateFirst' },
  'enrolment-expired': { status: 422, key: 'enrolment.refused.expired' },
  'removal-not-allowed': { status: 403, key: 'enrolment.refused.removal' },
  'password-too-short': { status: 422, key: 'password.refused.tooShort' },
  'password-too-long': { status: 422, key: 'password.refused.tooLong' },
  'password-common': { status: 422, key: 'password.refused.common' },
  'password-context': { status: 422, key: 'password.refused.context' },
  'password-wrong': { status: 422, key: 'password.refused.wrong' },
  'password-unchanged': { status: 422, key: 'password.refused.unchanged' },
  'field-required': { status: 422, key: 'form.refused.required' },
  'field-email': { status: 422, key: 'form.refused.email' },
  'field-too-long': { status: 422, key: 'form.refused.tooLong' },
  'field-taken': { status: 422, key: 'form.refused.taken' },
  'field-characters': { status: 422, key: 'form.refused.characters' },
  'field-grace': { status: 422, key: 'staff.refused.grace' },
  'field-choice': { status: 422, key: 'form.refused.choice' },
  'email-unchanged': { status: 422, key: 'account.email.unchanged' },
  'last-master-admin': { status: 422, key: 'staff.refused.lastMasterAdmin' },
  'own-account': { status: 403, key: 'staff.refused.ownAccount' },
  'higher-profile': { status: 403, key: 'staff.refused.higherProfile' },
  'no-login': { status: 422, key: 'staff.refused.noLogin' },
  'bad-request': { status: 400, key: 'error.400.text' },
  forbidden: { status: 403, key: 'error.403.text' },
  'cross-site': { status: 403, key: 'error.crossSite.text' },
  'form-token': { status: 403, key: 'error.formToken.text' },
  'not-found': { status: 404, key: 'error.404.text' },
  'too-large': { status: 413, key: 'error.413.text' },
  'media-type': { status: 415, key: 'error.415.text' },
  throttled: { status: 429, key: 'error.429.text' },
  busy: { status: 503, key: 'error.503.text' },
  unavailable: { status: 503, key: 'error.unavailable.text' },
} as const;

export type RefusalCode = keyof typeof refusals;
export type MessageParams = Record<string, string | number>;

export interface RefusalDetail {
  /** The form field the sentence belongs to. */
  field?: string;
  params?: MessageParams;
  /** Sent as Retry-After. */
  retryAfterSeconds?: number;
  cause?: unknown;
}

/** An expected "no": it has a status and a sentence for the person. Anything else that is thrown is a bug and becomes a 500. */
export class Refused extends Error {
  readonly code: RefusalCode;
  readonly status: number;
  readonly key: string;
  readonly field: string | undefined;
  readonly params: MessageParams;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: RefusalCode, detail: RefusalDetail = {}) {
    super(code, { cause: detail.cause });
    this.name = 'Refused';
    this.code = code;
    this.status = refusals[code].status;
    this.key = refusals[code].key;
    this.field = detail.field;
    this.params = detail.params ?? {};
    this.retryAfterSeconds = detail.retryAfterSeconds;
  }
}

/** True for the refusal of this code. */
export function isRefused(error: unknown, code: RefusalCode): error is Refused {
  return error instanceof Refused && error.code === code;
}
