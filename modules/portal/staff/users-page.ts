import { pageKeyText } from '../../accounts/companies.ts';
import { keyOf } from '../../accounts/directory.ts';
import type { Profile } from '../../accounts/profiles.ts';
import type { PageKey } from '../../accounts/companies.ts';
import type { Person } from '../../kernel/person.ts';
import type { Translate } from '../../kernel/ports.ts';
import type { UsersPorts } from './users-ports.ts';

const pageSize = 20;

/** What a list shows of a member of staff: the first that applies. Each has a text and a colour. */
const badges = { disabled: 'unavailable', invited: 'off', enrolled: 'on', notEnrolled: 'required' } as const;

export const userStates = Object.keys(badges);

/** How somebody of staff stands, as a badge. */
export function userBadge({ disabled, hasPassword, mfaState }: Person, t: Translate): { state: string; label: string } {
  const state = disabled
    ? 'disabled'
    : !hasPassword
      ? 'invited'
      : mfaState === 'enrolled'
        ? 'enrolled'
        : ('notEnrolled' as const);
  return { state: badges[state], label: t(`users.state.${state}`) };
}

/** The members of staff whose names or addresses begin like the search, a page at a time. */
export async function usersPage(
  { directory }: Pick<UsersPorts, 'directory'>,
  page: { q: string; after: PageKey | null; t: Translate },
): Promise<object> {
  const { q, after, t } = page;
  const query = { kind: 'staff', query: q } as const;
  const found = await directory.page(query, { after, count: pageSize + 1 });
  const shown = found.slice(0, pageSize);
  const last = shown.at(-1);
  const total = await directory.count(query);
  const href = (more: Record<string, string>) => {
    const params = new URLSearchParams({ ...(q.trim() === '' ? {} : { q }), ...more });
    return params.size === 0 ? '/staff/users' : `/staff/users?${params.toString()}`;
  };
  return {
    table: {
      caption: t('users.list.caption'),
      count: t(total === 1 ? 'users.list.one' : 'users.list.many', { count: total }),
      columns: [
        t('users.column.name'),
        t('users.column.email'),
        t('users.column.profile'),
        t('users.column.state'),
        t('users.column.lastSignIn'),
      ],
      rows: shown.map((person) => [
        { text: person.name, href: `/staff/users/${person.id}` },
        { text: person.email },
        { text: person.profileName ?? t('staff.home.noProfile') },
        { badge: userBadge(person, t) },
        { when: person.lastSignInAt },
      ]),
    },
    pager: {
      first: after === null ? null : href({}),
      next: found.length > pageSize && last ? href({ after: pageKeyText(keyOf(last)) }) : null,
    },
  };
}

/** A profile to choose, with what it allows in words. */
export function profileChoice(profile: Profile, t: Translate): { value: string; label: string; allows: string } {
  return { value: profile.id, label: profile.name, allows: allowed(profile, t).join(' · ') };
}

/** What a profile allows, in words. */
export function allowed({ permissions }: Pick<Profile, 'permissions'>, t: Translate): string[] {
  return permissions.map((permission) => t(`staff.permission.${permission}`));
}
