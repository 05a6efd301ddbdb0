// The tables that Node brings still list these by the names that their people gave up.
const renamed: Readonly<Record<string, string>> = {
  'America/Godthab': 'America/Nuuk',
  'Asia/Calcutta': 'Asia/Kolkata',
  'Asia/Katmandu': 'Asia/Kathmandu',
  'Asia/Rangoon': 'Asia/Yangon',
  'Asia/Saigon': 'Asia/Ho_Chi_Minh',
  'Europe/Kiev': 'Europe/Kyiv',
  'Pacific/Ponape': 'Pacific/Pohnpei',
  'Pacific/Truk': 'Pacific/Chuuk',
};

const named = Intl.supportedValuesOf('timeZone')
  .filter((zone) => zone !== 'UTC')
  .map((zone) => renamed[zone] ?? zone)
  .sort();

/** The zones that may be chosen. */
export const timeZones: ReadonlySet<string> = new Set(named);

/** The zones by continent, for a list; one that was chosen once and has another name since stays in it. */
export function timeZoneGroups(chosen: string | null): { label: string; zones: { value: string; label: string }[] }[] {
  const all = chosen === null || timeZones.has(chosen) ? timeZones : [...timeZones, chosen].sort();
  const groups = new Map<string, { value: string; label: string }[]>();
  for (const value of all) {
    const [continent = value, ...place] = value.split('/');
    const zones = groups.get(continent) ?? [];
    zones.push({ value, label: place.join(', ').replaceAll('_', ' ') || value });
    groups.set(continent, zones);
  }
  return [...groups].map(([label, zones]) => ({ label, zones }));
}
