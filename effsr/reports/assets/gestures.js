// The viewer's controls: buttons, keys, mouse, wheel, fingers.
const STEP = 1.25, PAN = 40, GRIP = 26, PAUSE = 350;

function act(change) { return () => { change(viewer.view); viewer.place(); }; }

const actions = {
  'zoom-in': act(view => view.zoomAt(view.zoom * STEP)), 'zoom-out': act(view => view.zoomAt(view.zoom / STEP)),
  fit: act(view => view.fit()), one: act(view => view.zoomAt(1 / devicePixelRatio)),
  previous: () => viewer.show({ picture: viewer.picture - 1 }), next: () => viewer.show({ picture: viewer.picture + 1 }),
  swap: () => viewer.show({ left: viewer.right, right: viewer.left }),
  'show-errors': () => viewer.show({ errors: true }), 'show-pictures': () => viewer.show({ errors: false }),
};
const KEYS = { '+': 'zoom-in', '=': 'zoom-in', '-': 'zoom-out', '_': 'zoom-out', 0: 'fit', 1: 'one', '[': 'previous', ']': 'next', s: 'swap' };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function startControls() {
  for (const [id, action] of Object.entries(actions)) find(id).addEventListener('click', action);
  for (const id of ['set', 'picture', 'left', 'right']) {
    find(id).addEventListener('change', event =>
      viewer.show({ [id]: Number(event.target.value), ...(id === 'set' ? { picture: 0 } : {}) }));
  }
  document.addEventListener('keydown', event => {
    const composed = event.getModifierState('AltGraph'); // brackets need it on many keyboards
    if (event.target.closest('select, input') || event.metaKey || (!composed && (event.ctrlKey || event.altKey))) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = key === 'e' ? actions[viewer.errors ? 'show-pictures' : 'show-errors'] : actions[KEYS[key]];
    if (action && !(key === 'e' && find('show-errors').disabled)) {
      action();
      event.preventDefault();
    }
  });
  find('divider').addEventListener('keydown', event => {
    const arrow = ARROWS[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrow && event.shiftKey) act(view => view.move(-PAN * arrow[0], -PAN * arrow[1]))();
    // As for any slider: up is more.
    else if (arrow) viewer.divide(viewer.divider + 0.02 * (arrow[0] - arrow[1]));
    else if (event.key === 'Home' || event.key === 'End') viewer.divide(event.key === 'End' ? 1 : 0);
    else if (event.key === 'PageUp' || event.key === 'PageDown') viewer.divide(viewer.divider + (event.key === 'PageUp' ? 0.1 : -0.1));
    else return;
    event.preventDefault();
  });
}

function startPointers() {
  const stage = find('stage'), fingers = new Map();
  let mode = '';
  const at = event => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const span = () => {
    const [[x1, y1], [x2, y2]] = [...fingers.values()];
    return { x: (x1 + x2) / 2, y: (y1 + y2) / 2, length: Math.max(1, Math.hypot(x1 - x2, y1 - y2)) };
  };
  stage.addEventListener('pointerdown', event => {
    if (event.button) return;
    const [x, y] = at(event), near = Math.abs(x - viewer.divider * stage.clientWidth) < GRIP;
    fingers.set(event.pointerId, [x, y]);
    stage.setPointerCapture(event.pointerId);
    find('divider').focus({ preventScroll: true });
    mode = fingers.size > 1 ? 'pinch' : near || viewer.view.whole ? 'divide' : 'move';
    stage.classList.toggle('moving', mode === 'move');
    if (mode === 'divide' && event.pointerType === 'mouse') viewer.divide(x / stage.clientWidth);
    event.preventDefault();
  });
  stage.addEventListener('pointermove', event => {
    if (!fingers.has(event.pointerId)) return;
    const before = fingers.get(event.pointerId), now = at(event), spread = fingers.size > 1 ? span() : null;
    fingers.set(event.pointerId, now);
    if (mode === 'divide') viewer.divide(now[0] / stage.clientWidth);
    else if (mode === 'move') act(view => view.move(now[0] - before[0], now[1] - before[1]))();
    else if (spread) {
      const { x, y, length } = span();
      act(view => { view.move(x - spread.x, y - spread.y); view.zoomAt(view.zoom * length / spread.length, x, y); })();
    }
  });
  const lift = event => {
    fingers.delete(event.pointerId);
    mode = fingers.size && !viewer.view.whole ? 'move' : '';
    stage.classList.remove('moving');
  };
  stage.addEventListener('pointerup', lift);
  stage.addEventListener('pointercancel', lift);
}

// The wheel zooms, except while the page is being scrolled past, or where there is nothing left to zoom out.
function startWheel() {
  const stage = find('stage');
  let passing = -Infinity;
  addEventListener('wheel', event => { if (!event.defaultPrevented) passing = event.timeStamp; }, { passive: true });
  stage.addEventListener('wheel', event => {
    const outward = event.deltaY > 0 && viewer.view.whole;
    if (!event.ctrlKey && (outward || event.timeStamp - passing < PAUSE)) return;
    event.preventDefault();
    const box = stage.getBoundingClientRect(), lines = event.deltaMode ? 30 : 1;
    const power = Math.max(-1, Math.min(1, -event.deltaY * lines / (event.ctrlKey ? 60 : 300)));
    act(view => view.zoomAt(view.zoom * 2 ** power, event.clientX - box.left, event.clientY - box.top))();
  }, { passive: false });
}

function startViewer() {
  const first = page.sets.findIndex(set => set.pictures.length);
  if (first < 0) return;
  find('viewer').hidden = false;
  fill(find('set'), page.sets.map((set, place) => [String(place), set.name, !set.pictures.length]), String(first));
  drawRamp(find('legend').querySelector('canvas'));
  startControls();
  startPointers();
  startWheel();
  const last = page.names.length - 1, other = page.baseline === last ? 0 : last;
  new ResizeObserver(() => {
    viewer.view.resize(find('stage').clientWidth, find('stage').clientHeight);
    viewer.place();
  }).observe(find('stage'));
  viewer.show({ set: first, left: page.names.length > 1 ? page.baseline : LQ, right: other });
}
startViewer();
