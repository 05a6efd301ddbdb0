// Comfort only: every page works without this file.

// Show and hide a password. Hidden again when the form is sent, so that browsers keep it as a password and not as a form value.
for (const toggle of document.querySelectorAll('.password-toggle')) {
  const input = document.getElementById(toggle.getAttribute('aria-controls'));
  const said = document.createElement('span');
  said.className = 'visually-hidden';
  said.setAttribute('role', 'status');
  toggle.after(said);
  const show = (shown) => {
    input.type = shown ? 'text' : 'password';
    toggle.textContent = shown ? toggle.dataset.hide : toggle.dataset.show;
    said.textContent = shown ? toggle.dataset.shown : toggle.dataset.hidden;
  };
  toggle.addEventListener('click', () => show(input.type === 'password'));
  input.form.addEventListener('submit', () => {
    if (input.type === 'text') show(false);
  });
  toggle.hidden = false;
}

// Copy a key or a list of codes. Spaces that only group it are left out, line breaks between codes are kept.
for (const button of document.querySelectorAll('[data-copy]')) {
  if (!navigator.clipboard) break;
  const label = button.querySelector('span');
  const before = label.textContent;
  label.setAttribute('aria-live', 'polite');
  button.addEventListener('click', async () => {
    const source = document.getElementById(button.dataset.copy);
    const items = source.querySelectorAll('li');
    const text =
      items.length > 0
        ? [...items].map((item) => item.textContent.trim()).join('\n')
        : source.textContent.replace(/\s+/g, '');
    await navigator.clipboard.writeText(text);
    label.textContent = button.dataset.copied;
    setTimeout(() => (label.textContent = before), 4000);
  });
  button.hidden = false;
}

// A second click while the first answer is on its way would spend a one-time form or code twice.
document.addEventListener('submit', (event) => {
  const form = event.target;
  // A download leaves the page as it is, and may be wanted again.
  if ('repeatable' in form.dataset) return;
  if (form.dataset.sent) event.preventDefault();
  else form.dataset.sent = 'yes';
});
// A page that comes back from the browser's memory may be sent again.
addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form[data-sent]')) delete form.dataset.sent;
});

// The account menu closes on Escape and on a click elsewhere.
for (const menu of document.querySelectorAll('details.menu')) {
  document.addEventListener('click', (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !menu.open) return;
    menu.open = false;
    menu.querySelector('summary').focus();
  });
}
