/** Every audit event of the portal itself; factors add their own as `<id>.<event>`. docs/events.md is made from this table. */
export const auditEvents = {
  'set-up.completed': 'The first Master Admin was created with the one-time link.',
  'set-up.reopened': 'Somebody on the command line made a link for one more Master Admin.',
  'sign-in.password-accepted': 'A right password was given; the policy decides what comes next.',
  'sign-in.refused':
    'E-mail or password were not right, or the account can’t sign in. The reason says which; the person is not told.',
  'sign-in.throttled': 'Too many tries for this account or from this address.',
  'sign-in.completed': 'The policy was satisfied and the person is signed in.',
  'sign-in.blocked': 'The policy let nobody on: the factor is not available or none may be set up.',
  'sign-in.ended': 'A sign-in ended: signed out, timed out, or ended by a change.',
  'challenge.accepted': 'A factor’s proof was right.',
  'challenge.refused': 'A factor’s proof was not right or was already used.',
  'challenge.throttled': 'Too many tries with this factor.',
  'factor.locked': 'A hundred wrong codes in a row: the factor is locked for this person until staff reset it.',
  'enrolment.confirmed': 'A factor was set up and counts from now on.',
  'enrolment.renamed': 'An enrolment got another name.',
  'enrolment.reset': 'All factors of a person were removed, with a reason.',
  'enrolment.removed': 'An enrolment was removed.',
  'password.changed': 'A person has a new password.',
  'password.rehashed': 'A password was stored anew with the current parameters.',
  'seal.failed': 'A sealed secret of an enrolment could not be opened: its key is gone, or the data was changed.',
  'csrf.refused': 'A form came without the token of its session, or from another site.',
  'access.refused': 'A signed-in person asked for what their profile does not allow.',
} as const;

export type AuditEvent = keyof typeof auditEvents;
