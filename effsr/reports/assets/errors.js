// Error maps: |result - truth|, the mean of the three channels, in colours of even steps of lightness.
const RAMP = [[0, 0, 0], [58, 20, 92], [150, 40, 100], [226, 90, 52], [250, 178, 60], [255, 252, 214]];
const TOPS = [4, 8, 16, 32, 64, 128, 255];
const COLOURS = Array.from({ length: 256 }, (_, level) => {
  const at = level / 255 * (RAMP.length - 1), below = Math.min(Math.floor(at), RAMP.length - 2);
  return RAMP[below].map((low, channel) => Math.round(low + (at - below) * (RAMP[below + 1][channel] - low)));
});

function pixelsOf(source) {
  const canvas = make('canvas', {});
  draw(canvas, source);
  return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
}

// Errors of a result, one a pixel, in levels of 255; null where sizes differ.
function errorsOf(result, truth) {
  if (!result || !truth || result.width !== truth.width || result.height !== truth.height) return null;
  const [a, b] = [pixelsOf(result), pixelsOf(truth)];
  const errors = new Float32Array(a.length / 4);
  for (let place = 0, at = 0; place < errors.length; place += 1, at += 4) {
    errors[place] = (Math.abs(a[at] - b[at]) + Math.abs(a[at + 1] - b[at + 1]) + Math.abs(a[at + 2] - b[at + 2])) / 3;
  }
  return errors;
}

// The level that is brightest: of the given ones the first that 99.5% of all errors stay below.
function topLevel(maps) {
  const counts = new Uint32Array(257);
  let total = 0;
  for (const errors of maps) {
    for (const error of errors) counts[Math.ceil(error)] += 1;
    total += errors.length;
  }
  let below = 0, level = 0;
  while (level < 255 && (below += counts[level]) < 0.995 * total) level += 1;
  return TOPS.find(top => top >= level);
}

function drawErrors(canvas, errors, width, top) {
  canvas.width = width;
  canvas.height = errors.length / width;
  const image = new ImageData(canvas.width, canvas.height);
  const { data } = image;
  for (let place = 0, at = 0; place < errors.length; place += 1, at += 4) {
    const [red, green, blue] = COLOURS[Math.min(255, Math.round(errors[place] / top * 255))];
    data[at] = red;
    data[at + 1] = green;
    data[at + 2] = blue;
    data[at + 3] = 255;
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
}

function drawRamp(canvas) {
  const context = canvas.getContext('2d');
  for (let x = 0; x < canvas.width; x += 1) {
    context.fillStyle = `rgb(${COLOURS[Math.round(x / (canvas.width - 1) * 255)].join(' ')})`;
    context.fillRect(x, 0, 1, 1);
  }
}
