// Where a picture lies on the stage: its zoom, and the place of its corner. One view serves both layers.
const MOST_ZOOM = 32;

class View {
  constructor() {
    Object.assign(this, { stageWidth: 1, stageHeight: 1, width: 1, height: 1, zoom: 1, x: 0, y: 0 });
  }

  get fitting() {
    return Math.min(this.stageWidth / this.width, this.stageHeight / this.height);
  }

  get whole() {
    return this.zoom <= this.fitting * 1.001;
  }

  resize(width, height) {
    const whole = this.whole;
    const [x, y] = [(width - this.stageWidth) / 2, (height - this.stageHeight) / 2];
    Object.assign(this, { stageWidth: width, stageHeight: height });
    if (whole) this.fit();
    else this.move(x, y);
  }

  // Another picture: of the same size it keeps its place, so that pictures can be flicked through.
  hold(width, height) {
    if (width === this.width && height === this.height) return;
    Object.assign(this, { width, height });
    this.fit();
  }

  fit() {
    this.zoom = this.fitting;
    this.move(0, 0);
  }

  // The stage's point (x, y) stays where it is.
  zoomAt(zoom, x = this.stageWidth / 2, y = this.stageHeight / 2) {
    const least = Math.min(this.fitting, 1), wanted = Math.min(Math.max(zoom, least), Math.max(MOST_ZOOM, this.fitting));
    const change = wanted / this.zoom;
    this.x = x - (x - this.x) * change;
    this.y = y - (y - this.y) * change;
    this.zoom = wanted;
    this.move(0, 0);
  }

  move(x, y) {
    this.x = View.within(this.x + x, this.stageWidth, this.width * this.zoom);
    this.y = View.within(this.y + y, this.stageHeight, this.height * this.zoom);
  }

  // A square of the picture comes to the middle of the stage, about half as high as it.
  lookAt(left, top, side) {
    this.zoom = Math.min(MOST_ZOOM, Math.max(this.fitting, Math.floor(0.55 * Math.min(this.stageWidth, this.stageHeight) / side)));
    this.x = this.stageWidth / 2 - (left + side / 2) * this.zoom;
    this.y = this.stageHeight / 2 - (top + side / 2) * this.zoom;
    this.move(0, 0);
  }

  // What is smaller than the stage is centred; what is larger leaves no gap.
  static within(corner, stage, size) {
    return size <= stage ? (stage - size) / 2 : Math.min(0, Math.max(stage - size, corner));
  }
}
