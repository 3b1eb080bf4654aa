// What the page holds, and small tools that all parts use.
const page = JSON.parse(document.getElementById('data').textContent);
const LQ = page.names.length, GT = LQ + 1;
const NARROW_MINUS = '\u2212';

function find(id) { return document.getElementById(id); }

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function fill(select, entries, chosen) {
  select.replaceChildren(...entries.map(([value, text, disabled]) =>
    make('option', { value, textContent: text, disabled: !!disabled, selected: value === chosen })));
}

function nameOf(who) {
  if (who === LQ) return 'low resolution';
  return who === GT ? 'ground truth' : page.names[who];
}

function figure(value, digits, signed) {
  if (value === null || Number.isNaN(value)) return '–';
  const sign = value < 0 ? NARROW_MINUS : signed ? '+' : '';
  const text = Number.isFinite(value) ? Math.abs(value).toFixed(digits) : '∞';
  return (Number(text) === 0 && !signed ? '' : sign) + text;
}

// Infinity is written as a word in JSON.
function numberOf(value) { return value === null || value === undefined ? null : Number(value); }

// Light, dark, or as the system says; remembered where the browser lets a file remember anything.
function startTheme() {
  const modes = ['auto', 'light', 'dark'];
  let mode = 'auto';
  const show = () => {
    if (mode === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = mode;
    find('theme').textContent = `Theme: ${mode}`;
  };
  try { mode = modes.find(one => one === localStorage.getItem('effsr-theme')) || 'auto'; } catch (refused) { /* none */ }
  find('theme').hidden = false;
  find('theme').addEventListener('click', () => {
    mode = modes[(modes.indexOf(mode) + 1) % modes.length];
    try { localStorage.setItem('effsr-theme', mode); } catch (refused) { /* it lasts for this visit */ }
    show();
  });
  show();
}
startTheme();

// Paper has nothing to press: all is open on it.
addEventListener('beforeprint', () => document.querySelectorAll('details').forEach(one => { one.open = true; }));
