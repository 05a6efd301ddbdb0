/** Somebody of the example. */
export interface Example {
  kind: 'staff' | 'contact';
  name: string;
  email: string;
  profile?: string;
  company?: string;
  staffWord?: 'required';
  disabled?: boolean;
  enrolled: boolean;
  state: string;
}

export const companyNames = ['Harbour Logistics', 'Quarry Foods'] as const;
const [harbour, quarry] = companyNames;

/** Two companies with a contact in every state, and one of each staff profile. */
export const examples: readonly Example[] = [
  {
    kind: 'contact',
    name: 'Ruth Alder',
    email: 'ruth@harbour.example',
    company: harbour,
    staffWord: 'required',
    enrolled: true,
    state: 'required and enrolled',
  },
  {
    kind: 'contact',
    name: 'Otto Birch',
    email: 'otto@harbour.example',
    company: harbour,
    enrolled: true,
    state: 'optional and enrolled',
  },
  {
    kind: 'contact',
    name: 'Nina Cedar',
    email: 'nina@harbour.example',
    company: harbour,
    enrolled: false,
    state: 'optional and not enrolled',
  },
  {
    kind: 'contact',
    name: 'Paul Dogwood',
    email: 'paul@harbour.example',
    company: harbour,
    staffWord: 'required',
    enrolled: false,
    state: 'required and not yet enrolled',
  },
  {
    kind: 'contact',
    name: 'Dora Elm',
    email: 'dora@harbour.example',
    company: harbour,
    disabled: true,
    enrolled: false,
    state: 'disabled',
  },
  {
    kind: 'contact',
    name: 'Quin Fir',
    email: 'quin@quarry.example',
    company: quarry,
    enrolled: true,
    state: 'optional and enrolled',
  },
  {
    kind: 'staff',
    name: 'Mara Hazel',
    email: 'mara@staff.example',
    profile: 'master-admin',
    enrolled: true,
    state: 'enrolled',
  },
  {
    kind: 'staff',
    name: 'Adam Juniper',
    email: 'adam@staff.example',
    profile: 'admin',
    enrolled: true,
    state: 'enrolled',
  },
  {
    kind: 'staff',
    name: 'Sara Larch',
    email: 'sara@staff.example',
    profile: 'sales-manager',
    enrolled: true,
    state: 'enrolled',
  },
  {
    kind: 'staff',
    name: 'Sven Maple',
    email: 'sven@staff.example',
    profile: 'support',
    enrolled: true,
    state: 'enrolled',
  },
];
