/** The audit events of guard and staff, for the manifest. */
export const guardEvents = {
  'budget-used-up': 'The day’s budget of text messages is used up: no code leaves until the next day (UTC).',
  'pumping-suspected': 'Too few codes came back from a country in the last day; messages go on leaving.',
  'country-stopped': 'Text messages to a country were stopped: by staff, or because too few codes came back.',
  'country-resumed': 'Staff let text messages to a country leave again.',
  stopped: 'Staff stopped all text messages.',
  resumed: 'Staff let text messages leave again.',
  'prices-changed': 'Staff changed what a text message costs.',
} as const;
