// The part of a canvas context that the diagrams use, writing SVG instead: it keeps a picture of a real run.

const measuring = document.createElement('canvas').getContext('2d');
const short = (value) => String(Number(value.toFixed(1)));
const escaped = (text) => String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;');

export class SvgContext {
  constructor(width, height) {
    Object.assign(this, { width, height, parts: [], path: '', dash: [], fillStyle: '#000', strokeStyle: '#000', lineWidth: 1,
      globalAlpha: 1, font: '14px sans-serif' });
  }

  add(tag, attributes, content) {
    const alpha = this.globalAlpha < 1 ? { opacity: this.globalAlpha } : {};
    const written = Object.entries({ ...attributes, ...alpha }).map(([name, value]) =>
      ` ${name}="${typeof value === 'number' ? short(value) : value}"`).join('');
    this.parts.push(content === undefined ? `<${tag}${written}/>` : `<${tag}${written}>${content}</${tag}>`);
  }

  clearRect() { this.parts = []; }
  setLineDash(dash) { this.dash = dash; }
  measureText(text) {
    measuring.font = this.font;
    return measuring.measureText(text);
  }
  isSeen(x, width) { return x < this.width + 20 && x + width > -20; }
  fillRect(x, y, width, height) {
    const left = Math.max(x, -5);
    const right = Math.min(x + width, this.width + 5);
    if (right > left) this.add('rect', { x: left, y, width: right - left, height, fill: this.fillStyle });
  }
  strokeRect(x, y, width, height) {
    this.add('rect', { x, y, width, height, fill: 'none', stroke: this.strokeStyle, 'stroke-width': this.lineWidth, ...this.dashed() });
  }
  beginPath() { this.path = ''; }
  moveTo(x, y) { this.path += `M${short(x)} ${short(y)}`; }
  lineTo(x, y) { this.path += `L${short(x)} ${short(y)}`; }
  closePath() { this.path += 'Z'; }
  /** Whole circles only. */
  arc(x, y, radius) {
    const r = short(radius);
    this.path += `M${short(x - radius)} ${short(y)}a${r} ${r} 0 1 0 ${short(2 * radius)} 0a${r} ${r} 0 1 0 ${short(-2 * radius)} 0`;
  }
  dashed() { return this.dash.length > 0 ? { 'stroke-dasharray': this.dash.join(' ') } : {}; }
  fill() { if (this.path) this.add('path', { d: this.path, fill: this.fillStyle }); }
  stroke() {
    if (this.path) this.add('path', { d: this.path, fill: 'none', stroke: this.strokeStyle, 'stroke-width': this.lineWidth, ...this.dashed() });
  }
  fillText(text, x, y) {
    const [, weight, size] = /^(\d{3} )?([\d.]+)px/.exec(this.font) ?? [, '', '14'];
    const mono = /mono/i.test(this.font.split('px')[1] ?? '') ? { 'font-family': 'monospace' } : {};
    this.add('text', { x, y, fill: this.fillStyle, 'font-size': Number(size), ...(weight ? { 'font-weight': weight.trim() } : {}), ...mono }, escaped(text));
  }
}

/** Draws with `draw(context, width, height)` into an SVG document on a white card. */
export function picture(width, height, title, draw) {
  const context = new SvgContext(width, height);
  draw(context);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -12 ${short(width + 24)} ${short(height + 24)}" width="${short(width + 24)}" ` +
    `height="${short(height + 24)}" role="img"><title>${escaped(title)}</title><style>text{font-family:system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}</style>` +
    `<rect x="-12" y="-12" width="100%" height="100%" rx="8" fill="#fff"/>${context.parts.join('')}</svg>\n`;
}
