// The bytes of a WebSocket frame from a browser, in the colours of their parts (RFC 6455 section 5.2).

import { element } from '../format.js';
import { t } from './words.js';

const OPCODES = { 0: 'continuation', 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong' };
/** The number of payload bytes that are shown. */
const DATA_SHOWN = 24;

/** The parts of a frame: {fin, opcode, isMasked, length, header, extended, mask, data}. */
export function parse(bytes) {
  const [first, second] = bytes;
  const short = second & 0x7f;
  const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
  const extended = bytes.slice(2, 2 + extra);
  const length = extra === 0 ? short : extended.reduce((sum, byte) => sum * 256 + byte, 0);
  const isMasked = (second & 0x80) !== 0;
  const maskAt = 2 + extra;
  const mask = isMasked ? bytes.slice(maskAt, maskAt + 4) : [];
  const data = bytes.slice(maskAt + mask.length);
  return { fin: first >> 7, opcode: first & 0x0f, isMasked, length, extended, mask, data,
    plain: data.map((byte, index) => (isMasked ? byte ^ mask[index % 4] : byte)) };
}

const hex = (bytes) => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
const bits = (byte) => byte.toString(2).padStart(8, '0');

/** A frame as coloured cells, each with its meaning. */
export function showFrame(text) {
  const bytes = text.split(' ').map((byte) => parseInt(byte, 16));
  const frame = parse(bytes);
  const more = frame.data.length > DATA_SHOWN ? ' …' : '';
  const isText = frame.opcode === 1;
  const plain = isText ? `“${new TextDecoder().decode(new Uint8Array(frame.plain))}”` : hex(frame.plain.slice(0, DATA_SHOWN)) + more;
  const cell = (kind, label, value, says) => element('div', { class: `cell ${kind}` }, element('span', {}, label),
    element('code', {}, value), element('small', {}, says));
  return element('div', { class: 'frame' },
    cell('fin', t('fin'), hex(bytes.slice(0, 1)), `${bits(bytes[0])}: FIN ${frame.fin}, ${OPCODES[frame.opcode] ?? frame.opcode}`),
    cell('length', t('length'), hex([bytes[1], ...frame.extended]), `${bits(bytes[1])}: ${frame.isMasked ? 1 : 0}, ${frame.length} B`),
    cell('mask', t('mask'), hex(frame.mask), ''),
    cell('data', t('data'), hex(frame.data.slice(0, DATA_SHOWN)) + more, `→ ${plain}`));
}
