// Two of the compared over each other, with a divider between them.
const viewer = {
  set: 0, picture: 0, left: 0, right: 0, errors: false, divider: 0.5, mark: null, view: new View(), turn: 0,

  get shown() { return page.sets[this.set].pictures[this.picture]; },

  // Puts both layers where the view says; called at every movement.
  place() {
    const { view } = this, stage = find('stage');
    stage.style.setProperty('--x', `${view.x}px`);
    stage.style.setProperty('--y', `${view.y}px`);
    stage.style.setProperty('--zoom', view.zoom);
    stage.style.setProperty('--divider', `${100 * this.divider}%`);
    stage.classList.toggle('movable', !view.whole);
    const coarse = view.zoom * devicePixelRatio >= 2;
    for (const [canvas, who] of [['left-canvas', this.left], ['right-canvas', this.right]]) {
      find(canvas).style.imageRendering = coarse || who === LQ ? 'pixelated' : 'auto';
    }
    const { mark } = this;
    find('mark').hidden = !mark;
    if (mark) {
      const box = { left: view.x + mark.left * view.zoom, top: view.y + mark.top * view.zoom, width: mark.side * view.zoom, height: mark.side * view.zoom };
      for (const [side, value] of Object.entries(box)) find('mark').style[side] = `${value}px`;
    }
    find('left-name').style.opacity = this.divider > 0.02 ? 1 : 0;
    find('right-name').style.opacity = this.divider < 0.98 ? 1 : 0;
    find('zoom').textContent = `${Math.round(100 * view.zoom)}%`;
    const percent = Math.round(100 * this.divider);
    find('divider').setAttribute('aria-valuenow', percent);
    find('divider').setAttribute('aria-valuetext', `${percent}% ${nameOf(this.left)}, ${100 - percent}% ${nameOf(this.right)}`);
  },

  divide(part) {
    this.divider = Math.min(1, Math.max(0, part));
    this.place();
  },

  // Draws both sides; a later call overtakes an earlier one that still waits for its pictures.
  async refresh() {
    const turn = this.turn += 1, { set, picture, shown } = this;
    this.describe();
    if (!shown) return;
    const [left, right, truth] = await Promise.all([this.left, this.right, GT].map(who => pictureOf(set, picture, who)));
    if (turn !== this.turn) return;
    this.view.hold(shown.width, shown.height);
    const sides = [['left-canvas', left, this.left], ['right-canvas', right, this.right]];
    const maps = sides.map(([, source, who]) => this.errors && who < LQ ? errorsOf(source, truth) : null);
    const top = topLevel(maps.filter(Boolean));
    sides.forEach(([id, source], side) => {
      const canvas = find(id);
      canvas.hidden = !source;
      if (maps[side]) drawErrors(canvas, maps[side], source.width, top);
      else if (source) draw(canvas, source);
      // The low-resolution picture is as large as the others, by its nearest pixels.
      canvas.style.width = `${shown.width}px`;
      canvas.style.height = `${shown.height}px`;
    });
    find('legend').hidden = !maps.some(Boolean);
    find('legend-top').textContent = `${top} of 255 or more, mean of R, G, B`;
    const lacking = sides.filter(([, source]) => !source).map(([, , who]) => nameOf(who));
    find('stage-note').textContent = lacking.length ? `No picture of ${lacking.join(', ')}` : '';
    this.place();
    find('stage').dataset.drawn = turn;
  },

  // Controls, names and figures beside the stage.
  describe() {
    const { shown } = this, set = page.sets[this.set];
    const sides = [...page.names.keys(), LQ, GT];
    const entries = sides.filter(who => who < LQ || set.pictures.some(one => one.pictures[who] !== null))
      .map(who => [String(who), nameOf(who), shown && shown.pictures[who] === null]);
    for (const [id, who] of [['left', this.left], ['right', this.right]]) {
      fill(find(id), entries, String(who));
      find(`${id}-name`).textContent = nameOf(who);
    }
    fill(find('picture'), set.pictures.map((one, place) => [String(place), one.name]), String(this.picture));
    find('set').value = String(this.set);
    find('previous').disabled = find('next').disabled = set.pictures.length < 2;
    this.errors = this.errors && set.truth;
    find('show-errors').disabled = !set.truth;
    find('show-errors').setAttribute('aria-pressed', this.errors);
    find('show-pictures').setAttribute('aria-pressed', !this.errors);
    find('divider').setAttribute('aria-label', `Divider between ${nameOf(this.left)} and ${nameOf(this.right)}`);
    find('stage-note').textContent = shown ? '' : 'No picture of this set is in the page';
    this.values();
  },

  values() {
    const { shown } = this, table = find('shown-values');
    const heads = ['', nameOf(this.left), nameOf(this.right), 'change'];
    table.caption.textContent = shown ? shown.name : '';
    table.tHead.replaceChildren(make('tr', {}, ...heads.map(textContent => make('th', { scope: 'col', textContent }))));
    const rows = page.metrics.map((metric, column) => {
      const [a, b] = [this.left, this.right].map(who => shown && who < LQ ? numberOf(shown.values[who][column]) : null);
      if (a === null && b === null) return null;
      const both = a !== null && b !== null, better = both && a !== b ? (a > b) === metric.higher ? 0 : 1 : -1;
      const cells = [a, b].map((value, side) => make('td', {
        textContent: figure(value, metric.digits), className: side === better ? 'better' : '' }));
      const gap = both ? figure(a === b ? 0 : b - a, metric.digits, true) : '';
      return make('tr', {}, make('th', { scope: 'row', textContent: `${metric.label} ${metric.higher ? '↑' : '↓'}` }),
        ...cells, make('td', { textContent: gap, className: 'gap' }));
    });
    table.tBodies[0].replaceChildren(...rows.filter(Boolean));
    table.hidden = !rows.some(Boolean);
  },

  show(changes) {
    if ('picture' in changes || 'set' in changes) this.mark = null;
    const count = page.sets[changes.set ?? this.set].pictures.length;
    Object.assign(this, changes);
    this.picture = count ? (this.picture + count) % count : 0;
    // Another set may lack the truth.
    for (const side of ['left', 'right']) {
      if (this.shown && this.shown.pictures[this[side]] === null && this[side] >= LQ) this[side] = page.names.length - 1;
    }
    return this.refresh();
  },
};
