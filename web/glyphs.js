// Draws an update as it is on the wire: a block of an event stream as text, a WebSocket frame as header and payload.

const LINE_PX = 16;
const PAD_PX = 6;
const FONT_PX = 14;
/** With less space, a glyph is not readable. */
const ROOM_MIN_PX = 60;

/** As much of a text as fits, with `…` if it was cut. */
function cut(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  let kept = text.length;
  while (kept > 1 && context.measureText(`${text.slice(0, kept)}…`).width > room) kept -= 1;
  return `${text.slice(0, kept)}…`;
}

function beginning(update) {
  return `{"seq":${update?.seq ?? '?'},"at_us":${update?.atUs ?? '…'},"data":…}`;
}

/** Draws the lines of an event block. Returns the width. */
export function drawTextBlock(context, { x, middle, room, one, update, color }) {
  if (room < ROOM_MIN_PX) return 0;
  context.font = `${FONT_PX}px ${color.mono}`;
  const lines = [`id: ${update?.id ?? one.seq}`, `data: ${beginning(update)}`].map((line) => cut(context, line, Math.min(room, 300) - 2 * PAD_PX));
  const width = Math.max(...lines.map((line) => context.measureText(line).width)) + 2 * PAD_PX;
  const height = lines.length * LINE_PX + 4;
  const top = middle - height / 2;
  context.fillStyle = color.ground;
  context.fillRect(x, top, width, height);
  context.strokeStyle = color.lane;
  context.lineWidth = 1.2;
  context.setLineDash([3, 2]);
  context.strokeRect(x, top, width, height);
  context.setLineDash([]);
  context.fillStyle = color.lane;
  for (const [index, line] of lines.entries()) context.fillText(line, x + PAD_PX, top + LINE_PX * (index + 1) - 2);
  return width;
}

/** Draws the header bytes in a filled cell, the payload in an empty one (RFC 6455 section 5.2). Returns the width. */
export function drawFrame(context, { x, middle, room, one, update, color }) {
  if (room < ROOM_MIN_PX) return 0;
  context.font = `600 ${FONT_PX}px ${color.mono}`;
  const hex = headerOf(one.bytes).map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const header = context.measureText(hex).width + 2 * PAD_PX;
  const height = LINE_PX + 6;
  const top = middle - height / 2;
  context.fillStyle = color.lane;
  context.fillRect(x, top, header, height);
  context.fillStyle = color.ground;
  context.fillText(hex, x + PAD_PX, top + LINE_PX);
  if (room - header < ROOM_MIN_PX) return header;
  context.font = `${FONT_PX}px ${color.mono}`;
  const payload = cut(context, beginning(update), Math.min(room - header, 250) - 2 * PAD_PX);
  const width = context.measureText(payload).width + 2 * PAD_PX;
  context.fillStyle = color.ground;
  context.fillRect(x + header, top, width, height);
  context.strokeStyle = color.lane;
  context.lineWidth = 1.5;
  context.strokeRect(x + header, top, width, height);
  context.fillStyle = color.lane;
  context.fillText(payload, x + header + PAD_PX, top + LINE_PX);
  return header + width;
}

/** The header of an unfragmented text frame of `total` bytes. */
export function headerOf(total) {
  if (total - 2 < 126) return [0x81, total - 2];
  const payload = total - 4 < 65536 ? total - 4 : total - 10;
  const length = payload < 65536 ? 2 : 8;
  const big = Array.from({ length }, (_, index) => Math.floor(payload / 256 ** (length - 1 - index)) % 256);
  return [0x81, payload < 65536 ? 126 : 127, ...big];
}
