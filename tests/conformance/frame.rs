//! An encoder and decoder for the frames of RFC 6455 section 5.2, independent of the library under test.

use std::fmt;

pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xa;

/// The key of the example in RFC 6455 section 5.7.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// How a frame encodes its payload length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LengthForm {
    /// In as few bytes as possible, as section 5.2 requires.
    Shortest,
    /// In two bytes, even if it would fit into the header.
    Two,
    /// In eight bytes, even if it would fit into fewer.
    Eight,
    /// In eight bytes with this value, whatever the real length.
    Claims(u64),
}

/// One frame. Frames to the server are masked unless a case says otherwise; frames from it must not be.
#[derive(Clone, PartialEq)]
pub struct Frame {
    pub is_final: bool,
    /// The three reserved bits, as a number from 0 to 7.
    pub reserved: u8,
    pub opcode: u8,
    pub key: Option<[u8; 4]>,
    pub form: LengthForm,
    pub payload: Vec<u8>,
}

/// A valid, unfragmented frame.
pub fn frame(opcode: u8, payload: impl Into<Vec<u8>>) -> Frame {
    let payload = payload.into();
    Frame { is_final: true, reserved: 0, opcode, key: Some(KEY), form: LengthForm::Shortest, payload }
}

/// The first or a middle fragment.
pub fn part(opcode: u8, payload: impl Into<Vec<u8>>) -> Frame {
    Frame { is_final: false, ..frame(opcode, payload) }
}

/// A close frame with a code and a reason.
pub fn close(code: u16, reason: impl AsRef<[u8]>) -> Frame {
    frame(CLOSE, [&code.to_be_bytes(), reason.as_ref()].concat())
}

impl Frame {
    pub fn reserved(self, reserved: u8) -> Self {
        Self { reserved, ..self }
    }

    pub fn key(self, key: Option<[u8; 4]>) -> Self {
        Self { key, ..self }
    }

    pub fn form(self, form: LengthForm) -> Self {
        Self { form, ..self }
    }

    /// The frame as bytes on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mask_bit = if self.key.is_some() { 0x80 } else { 0 };
        let mut bytes = vec![u8::from(self.is_final) << 7 | self.reserved << 4 | self.opcode];
        let length = self.payload.len();
        match (self.form, length) {
            (LengthForm::Shortest, 0..126) => bytes.push(mask_bit | length as u8),
            (LengthForm::Shortest, 126..65_536) | (LengthForm::Two, _) => {
                bytes.push(mask_bit | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            (LengthForm::Shortest | LengthForm::Eight, _) => {
                bytes.push(mask_bit | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
            (LengthForm::Claims(length), _) => {
                bytes.push(mask_bit | 127);
                bytes.extend(length.to_be_bytes());
            }
        }
        bytes.extend(self.key.iter().flatten());
        let at = bytes.len();
        bytes.extend(&self.payload);
        if let Some(key) = self.key {
            // Four bytes at a time: byte by byte the largest messages would take a second each in a debug build.
            let key_of_four = u32::from_ne_bytes(key);
            let (fours, rest) = bytes[at..].as_chunks_mut::<4>();
            for four in fours {
                *four = (u32::from_ne_bytes(*four) ^ key_of_four).to_ne_bytes();
            }
            rest.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        }
        bytes
    }

    /// Splits one frame of the server off the front of `bytes`; `None` until all of it has arrived.
    ///
    /// Errors: a frame that a server must not send.
    pub fn split_off(bytes: &mut Vec<u8>) -> Result<Option<Self>, String> {
        let [first, second, ..] = bytes[..] else { return Ok(None) };
        if first & 0x70 != 0 || second & 0x80 != 0 {
            return Err(format!("a reserved bit or a mask from the server: {first:#04x} {second:#04x}"));
        }
        let extra = match second {
            0..126 => 0,
            126 => 2,
            _ => 8,
        };
        let Some(length) = bytes.get(2..2 + extra) else { return Ok(None) };
        let length = match extra {
            0 => usize::from(second),
            _ => length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
        };
        if (extra == 2 && length < 126) || (extra == 8 && length < 65_536) {
            return Err(format!("a length of {length} in {extra} bytes"));
        }
        if bytes.len() < 2 + extra + length {
            return Ok(None);
        }
        let payload = bytes[2 + extra..2 + extra + length].to_vec();
        bytes.drain(..2 + extra + length);
        let form = LengthForm::Shortest;
        Ok(Some(Self { is_final: first & 0x80 != 0, reserved: 0, opcode: first & 0xf, key: None, form, payload }))
    }

    /// The code of a close frame; `None` if it has none.
    pub fn close_code(&self) -> Option<u16> {
        self.payload.first_chunk().map(|code| u16::from_be_bytes(*code))
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.opcode {
            CONTINUATION => "continuation",
            TEXT => "text",
            BINARY => "binary",
            CLOSE => "close",
            PING => "ping",
            PONG => "pong",
            _ => "reserved",
        };
        let shown = &self.payload[..self.payload.len().min(40)];
        let more = if self.is_final { "" } else { ", more follows" };
        write!(f, "{name} of {} B {:?}{more}", self.payload.len(), String::from_utf8_lossy(shown))
    }
}

#[test]
fn the_encoder_writes_the_examples_of_rfc_6455_section_5_7() {
    assert_eq!(frame(TEXT, "Hello").key(None).bytes(), b"\x81\x05Hello");
    assert_eq!(frame(TEXT, "Hello").bytes(), b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    assert_eq!(part(TEXT, "Hel").key(None).bytes(), b"\x01\x03Hel");
    assert_eq!(frame(CONTINUATION, "lo").key(None).bytes(), b"\x80\x02lo");
    assert_eq!(frame(BINARY, [0; 256]).key(None).bytes()[..4], *b"\x82\x7e\x01\x00");
    assert_eq!(frame(BINARY, [0; 65_536]).key(None).bytes()[..10], *b"\x82\x7f\0\0\0\0\0\x01\0\0");
}
