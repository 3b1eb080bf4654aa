// Pictures: kept as text in the page, decoded when first shown, the last few kept decoded.
const KEPT = 16;
const decoded = new Map();

function bytesOf(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let place = 0; place < raw.length; place += 1) bytes[place] = raw.charCodeAt(place);
  return bytes;
}

function bitmap(number) {
  let promise = decoded.get(number);
  if (promise) decoded.delete(number);
  else {
    const element = find(`picture-${number}`);
    const blob = new Blob([bytesOf(element.textContent)], { type: element.dataset.kind });
    promise = createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  }
  decoded.set(number, promise); // the youngest is last
  if (decoded.size > KEPT) decoded.delete(decoded.keys().next().value);
  return promise;
}

// A promise of one's picture, or of null where there is none.
function pictureOf(set, picture, who) {
  const number = page.sets[set].pictures[picture].pictures[who];
  return number === null ? Promise.resolve(null) : bitmap(number);
}

function draw(canvas, source, left = 0, top = 0, width = source.width, height = source.height) {
  canvas.width = width;
  canvas.height = height;
  canvas.getContext('2d').drawImage(source, left, top, width, height, 0, 0, width, height);
}
