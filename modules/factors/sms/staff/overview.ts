import type { Person } from '../../../kernel/person.ts';
import type { GatewayHealth } from '../gateways/standing.ts';
import type { Figures } from '../guard/figures.ts';
import type { Stop } from '../guard/switches.ts';
import type { LedgerEntry } from '../guard/ledger.ts';
import { amountWords, type Prices } from './prices.ts';
import type { StaffPorts } from './staff-ports.ts';
import { nothing, purposeWords, reasonsWords, stateWords, type Words } from './words.ts';

/** The spans that figures are shown for, in days; the first where nobody chose. */
export const spans = [1, 7, 30] as const;
export type Span = (typeof spans)[number];

const messagesShown = 50;

interface Cell {
  text?: string;
  quiet?: string;
  href?: string;
  when?: Date;
}

/** A message's place in the list, as an address has it. */
export function keyOf({ createdAt, id }: Pick<LedgerEntry, 'createdAt' | 'id'>): string {
  return `${String(createdAt.getTime())}.${id}`;
}

/** What is stopped, in words, and who did it. */
export async function stopsOf(ports: StaffPorts, stops: readonly Stop[], words: Words) {
  return Promise.all(
    stops.map(async ({ country, why, by, reason, at }) => ({
      country,
      name: country === null ? null : words.country(country),
      who: by === null ? null : ((await ports.host.personOf(by))?.name ?? words.t('sms.staff.gone')),
      why: why === 'unconfirmed' ? words.t('sms.stop.unconfirmed') : reason,
      at,
    })),
  );
}

/** The gateways in words. */
export function gatewaysOf(gateways: readonly GatewayHealth[], { t }: Words) {
  const labels = { ok: 'sms.gateway.fine', queueing: 'sms.gateway.queueing', failing: 'sms.gateway.failing' } as const;
  return gateways.map((gateway) => ({
    ...gateway,
    label: t(gateway.state === 'ok' && gateway.lastSuccessAt === null ? 'sms.gateway.idle' : labels[gateway.state]),
  }));
}

/** Rows of the table of figures: countries with most messages first, and their sum where there are several. */
export function figureRows(figures: ReadonlyMap<string, Figures>, prices: Prices, words: Words): Cell[][] {
  const countries = [...figures].sort(([one, a], [other, b]) => b.sent - a.sent || one.localeCompare(other));
  const costs = countries.map(([country, { sent }]) => {
    const price = prices.millionths[country];
    return price === undefined ? (sent === 0 ? 0 : null) : price * sent;
  });
  const rows = countries.map(([country, sums], index) =>
    figureRow(words.country(country), sums, { cost: costs[index] ?? null, prices, words }),
  );
  if (countries.length > 1) {
    const known = costs.filter((cost) => cost !== null);
    const cost = known.length === costs.length ? known.reduce((sum, one) => sum + one, 0) : null;
    rows.push(figureRow(words.t('sms.figures.all'), sumOf(figures.values()), { cost, prices, words }));
  }
  return rows;
}

function figureRow(
  name: string,
  { sent, delivered, confirmed, failed, blocked }: Figures,
  { cost, prices, words }: { cost: number | null; prices: Prices; words: Words },
): Cell[] {
  const refused = Object.values(blocked).reduce((sum, one) => sum + one, 0);
  const share =
    sent > 0 ? { quiet: words.t('sms.figures.share', { share: Math.floor((100 * confirmed) / sent) }) } : {};
  return [
    { text: name },
    { text: words.count(sent) },
    { text: words.count(delivered) },
    { text: words.count(confirmed), ...share },
    { text: words.count(failed) },
    { text: words.count(refused), ...(refused > 0 ? { quiet: reasonsWords(blocked, words) } : {}) },
    { text: cost === null || prices.currency === '' ? nothing : amountWords(cost, prices.currency, words.lang) },
  ];
}

function sumOf(all: Iterable<Figures>): Figures {
  const sum: Figures = { sent: 0, failed: 0, delivered: 0, confirmed: 0, blocked: {} };
  for (const one of all) {
    for (const name of ['sent', 'failed', 'delivered', 'confirmed'] as const) sum[name] += one[name];
    for (const [reason, count] of Object.entries(one.blocked) as [keyof Figures['blocked'], number][])
      sum.blocked[reason] = (sum.blocked[reason] ?? 0) + count;
  }
  return sum;
}

/** A page of messages, and the address part of the next one. */
export async function messagesPage(
  ports: StaffPorts,
  { after, reader, words }: { after: { at: Date; id: string } | null; reader: Person; words: Words },
): Promise<{ rows: Cell[][]; next: string | null }> {
  // One more than is shown tells whether there is a next page.
  const found = await ports.ledger.list(messagesShown + 1, after);
  const shown = found.slice(0, messagesShown);
  const last = shown.at(-1);
  return {
    rows: shown.map((entry) => messageRow(entry, reader, words)),
    next: found.length > messagesShown && last ? keyOf(last) : null,
  };
}

function messageRow(entry: LedgerEntry, reader: Person, words: Words): Cell[] {
  const href = pageOf(entry, reader);
  return [
    { text: entry.number ?? nothing, ...(href === null ? {} : { href }) },
    { when: entry.createdAt },
    { text: entry.country === null ? nothing : words.country(entry.country) },
    { text: purposeWords(entry.purpose, words.t) },
    stateWords(entry, words),
    { text: entry.gateway ?? nothing },
  ];
}

/** Whose message it is, for whoever may open their page. */
function pageOf({ personId, personKind }: LedgerEntry, { permissions }: Person): string | null {
  if (personId === null) return null;
  if (personKind === 'contact') return permissions.includes('customers.read') ? `/staff/contacts/${personId}` : null;
  return permissions.includes('users.manage') ? `/staff/users/${personId}` : null;
}
