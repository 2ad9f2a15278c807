//! WebSocket frames (RFC 6455 section 5.2), for the questions of an exercise and to talk to a student's server.

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// Continues a message.
    Continuation,
    /// Begins a text message.
    Text,
    /// Begins a binary message.
    Binary,
    /// Ends the connection, with a code and a reason.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
    /// Not in the standard.
    Other(u8),
}

impl Opcode {
    /// Its four bits on the wire.
    pub fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
            Self::Other(bits) => bits,
        }
    }

    fn from_bits(bits: u8) -> Self {
        match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            other => Self::Other(other),
        }
    }

    /// Its name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Continuation => "continuation",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Close => "close",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Other(_) => "unknown",
        }
    }
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether it is the last of its message.
    pub is_final: bool,
    /// Its kind.
    pub opcode: Opcode,
    /// The masking key, if it is masked.
    pub key: Option<[u8; 4]>,
    /// The payload without the mask.
    pub payload: Vec<u8>,
}

/// A frame's header: the bytes before the masking key.
pub fn header(is_final: bool, opcode: Opcode, is_masked: bool, length: usize) -> Vec<u8> {
    let mask = if is_masked { 0x80 } else { 0 };
    let mut bytes = vec![u8::from(is_final) << 7 | opcode.bits()];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..126), _) => bytes.push(mask | short),
        (_, Ok(two)) => {
            bytes.push(mask | 126);
            bytes.extend(two.to_be_bytes());
        }
        (_, Err(_)) => {
            bytes.push(mask | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes
}

fn mask(bytes: &mut [u8], key: [u8; 4]) {
    bytes.iter_mut().zip(key.into_iter().cycle()).for_each(|(byte, key)| *byte ^= key);
}

impl Frame {
    /// Its bytes on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = header(self.is_final, self.opcode, self.key.is_some(), self.payload.len());
        bytes.extend(self.key.iter().flatten());
        let begin = bytes.len();
        bytes.extend(&self.payload);
        if let Some(key) = self.key {
            mask(&mut bytes[begin..], key);
        }
        bytes
    }

    /// Takes one whole frame off the front; `None` if it is incomplete. Reserved bits are ignored.
    pub fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let [first, second] = *bytes.first_chunk()?;
        let (length, mut at) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)), 4),
            127 => (u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?), 10),
            short => (u64::from(short), 2),
        };
        let key = if second & 0x80 != 0 {
            let key = *bytes.get(at..)?.first_chunk()?;
            at += 4;
            Some(key)
        } else {
            None
        };
        let end = at.checked_add(usize::try_from(length).ok()?)?;
        let mut payload = bytes.get(at..end)?.to_vec();
        if let Some(key) = key {
            mask(&mut payload, key);
        }
        bytes.drain(..end);
        Some(Self { is_final: first & 0x80 != 0, opcode: Opcode::from_bits(first & 0x0f), key, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_6455_section_5_7_are_read_and_written() {
        let hello = Frame { is_final: true, opcode: Opcode::Text, key: None, payload: b"Hello".to_vec() };
        let masked = Frame { key: Some([0x37, 0xfa, 0x21, 0x3d]), ..hello.clone() };
        assert_eq!(hello.bytes(), [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        assert_eq!(masked.bytes(), [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        assert_eq!(header(true, Opcode::Binary, false, 256), [0x82, 0x7e, 1, 0]);
        assert_eq!(header(true, Opcode::Binary, false, 65536), [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
        for frame in [hello, masked] {
            let mut bytes = frame.bytes();
            bytes.push(0x81);
            assert_eq!(Frame::take(&mut bytes), Some(frame));
            assert_eq!((Frame::take(&mut bytes), bytes.len()), (None, 1));
        }
    }
}
