// Windows where two results differ most, drawn from the pictures that the page holds.
const crops = {
  set: 0, first: 0, second: 1, turn: 0,

  // [windows where the first is better, where the second is]
  lists() {
    const pair = page.sets[this.set].crops.find(one => one.pair.includes(this.first) && one.pair.includes(this.second));
    if (!pair || this.first === this.second) return [[], []];
    const straight = pair.pair[0] === this.first;
    return (straight ? pair.better : [...pair.better].reverse()).map(list => list.map(
      ([picture, left, top, side, one, other]) => ({ picture, left, top, side,
        first: numberOf(straight ? one : other), second: numberOf(straight ? other : one) })));
  },

  async show() {
    const turn = this.turn += 1, parts = [];
    for (const [place, list] of this.lists().entries()) {
      const [better, worse] = place ? [this.second, this.first] : [this.first, this.second];
      const words = list.length ? `Where ${nameOf(better)} is better` : `Nowhere is ${nameOf(better)} better than ${nameOf(worse)}`;
      parts.push(make('h3', { textContent: this.first === this.second ? 'Choose two' : words }),
        make('ul', { className: 'crops' }, ...list.map(crop => make('li', {}, this.card(crop)))));
      if (this.first === this.second) break;
    }
    find('crop-order').textContent = `${nameOf(this.first)}, ${nameOf(this.second)}, truth`;
    find('crop-lists').replaceChildren(...parts);
    for (const canvas of find('crop-lists').querySelectorAll('canvas')) {
      const { crop, who } = canvas;
      const source = await pictureOf(this.set, crop.picture, who);
      if (turn !== this.turn) return;
      draw(canvas, source, crop.left, crop.top, crop.side, crop.side);
    }
    find('crop-lists').dataset.drawn = turn;
  },

  card(crop) {
    const { set, first, second } = this, name = page.sets[set].pictures[crop.picture].name;
    const strip = [[first, crop.first], [second, crop.second], [GT, null]].map(([who, value]) => {
      const canvas = Object.assign(make('canvas', { width: crop.side, height: crop.side }), { crop, who });
      const better = value !== null && value === Math.max(crop.first, crop.second);
      const words = value === null ? 'truth' : `${figure(value, 2)} dB`;
      return make('figure', {}, canvas, make('figcaption', {}, make(better ? 'b' : 'span', { textContent: words })));
    });
    const button = make('button', { type: 'button', className: 'crop' }, make('span', { className: 'strip' }, ...strip),
      make('span', { className: 'where', textContent: `${name}, ${crop.left}, ${crop.top}` }));
    button.setAttribute('aria-label', `${name}: ${nameOf(first)} ${figure(crop.first, 1)} dB, ${nameOf(second)} ${figure(crop.second, 1)} dB; open above`);
    button.addEventListener('click', async () => {
      await viewer.show({ set, picture: crop.picture, left: first, right: second, mark: crop });
      viewer.view.lookAt(crop.left, crop.top, crop.side);
      viewer.divide(0.5);
      find('viewer').scrollIntoView({ block: 'start' });
      find('divider').focus({ preventScroll: true });
    });
    return button;
  },
};

function startCrops() {
  const sets = page.sets.map((set, place) => [String(place), set.name, !set.crops.some(pair => pair.better.flat().length)]);
  const first = sets.find(([, , empty]) => !empty);
  if (!first) return;
  find('crop-part').hidden = false;
  find('no-crops').hidden = true;
  const names = page.names.map((name, place) => [String(place), name]);
  const last = page.names.length - 1;
  Object.assign(crops, { set: Number(first[0]), first: page.baseline === last ? 0 : last, second: page.baseline });
  for (const [key, entries] of [['set', sets], ['first', names], ['second', names]]) {
    const select = find(`crop-${key}`);
    fill(select, entries, String(crops[key]));
    select.addEventListener('change', () => { crops[key] = Number(select.value); crops.show(); });
  }
  // Nothing is decoded before the part comes near.
  const watch = new IntersectionObserver(seen => {
    if (!seen.some(entry => entry.isIntersecting)) return;
    watch.disconnect();
    crops.show();
  }, { rootMargin: '400px' });
  watch.observe(find('crops'));
}
startCrops();
