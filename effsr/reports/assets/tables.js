// Tables that sort by the heading pressed; the plots of one set and metric at a time.
function sortBy(table, column) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const ascending = heads[column].getAttribute('aria-sort') === 'descending';
  const key = row => row.cells[column].dataset.value;
  const rows = [...body.rows].sort((a, b) => {
    const [one, other] = [key(a), key(b)];
    if (one === undefined) {
      const order = a.cells[column].textContent.localeCompare(b.cells[column].textContent, undefined, { numeric: true });
      return ascending ? order : -order;
    }
    if (one === '' || other === '') return (one === '') - (other === ''); // what has no figure stays last
    const [x, y] = [one, other].map(text => Number(text.replace('inf', 'Infinity')));
    return x === y ? 0 : (x < y ? -1 : 1) * (ascending ? 1 : -1);
  });
  heads.forEach(head => head.removeAttribute('aria-sort'));
  heads[column].setAttribute('aria-sort', ascending ? 'ascending' : 'descending');
  body.append(...rows);
}

document.querySelectorAll('table[data-sortable]').forEach(table => {
  [...table.tHead.rows[0].cells].forEach((head, column) =>
    head.querySelector('button').addEventListener('click', () => sortBy(table, column)));
});

function startPlots() {
  const bar = find('plot-choice');
  if (!bar) return;
  const plots = [...document.querySelectorAll('.plots')];
  const unique = key => [...new Set(plots.map(plot => plot.dataset[key]))];
  const label = name => (page.metrics.find(metric => metric.name === name) || { label: name }).label;
  const set = make('select', { id: 'plot-set' }), metric = make('select', { id: 'plot-metric' });
  const show = () => {
    const fits = plot => plot.dataset.set === set.value && plot.dataset.metric === metric.value;
    // A set without ground truth lacks some metrics: the first that it has is shown.
    const chosen = plots.find(fits) || plots.find(plot => plot.dataset.set === set.value);
    metric.value = chosen.dataset.metric;
    plots.forEach(plot => { plot.hidden = plot !== chosen; });
    for (const option of metric.options) {
      option.disabled = !plots.some(plot => plot.dataset.set === set.value && plot.dataset.metric === option.value);
    }
  };
  fill(set, unique('set').map(name => [name, name]), unique('set')[0]);
  fill(metric, unique('metric').map(name => [name, label(name)]), unique('metric')[0]);
  for (const [words, select] of [['Set', set], ['Metric', metric]]) {
    if (select.options.length > 1) bar.append(make('label', {}, words + ' ', select));
    select.addEventListener('change', show);
  }
  bar.hidden = false;
  show();
}
startPlots();
