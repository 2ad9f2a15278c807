//! The [`Cursor`], a position in the stream that is the same on every transport, and the [`Gap`], which announces
//! missing updates.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Identifies one life of a journal. A new journal cannot continue the old sequence, so it gets a new epoch.
///
/// On the wire: eight lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(u32);

impl Epoch {
    /// A random epoch. It equals that of the previous journal with probability 2⁻³².
    pub fn random() -> Self {
        let mut bytes = [0; 4];
        // The kernel's generator cannot fail for so few bytes once the system is up; if it does, the clock is used.
        if rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).is_err() {
            bytes = (crate::clock::Clock::Monotonic.now().0 as u32).to_be_bytes();
        }
        Self(u32::from_be_bytes(bytes))
    }

    /// The epoch of a log that was created at this instant, in nanoseconds since the Unix epoch. Every node that
    /// follows the log computes the same epoch, and a log that is recreated gets another.
    pub fn of_log(created_ns: i128) -> Self {
        // The mixing function of SplitMix64: instants that are close together give epochs that are not.
        let mut mixed = (created_ns as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((mixed ^ (mixed >> 31)) as u32)
    }
}

/// The last update that a client has: `<epoch>-<seq>`, for example `1f3a9c02-42`. Seq 0 is before the first update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The epoch of the journal.
    pub epoch: Epoch,
    /// The update's sequence number, from 1; 0 before the first update.
    pub seq: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.epoch.0, self.seq)
    }
}

/// A text that is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a cursor; send back one that the server gave you, as in 1f3a9c02-42, or `earliest`, or none to start from now"
)]
pub struct MalformedCursor;

impl FromStr for Cursor {
    type Err = MalformedCursor;

    /// Accepts only what [`Cursor`]'s `Display` writes. A cursor has one spelling, so that an `ETag` can be compared.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (epoch, seq) = text.split_once('-').ok_or(MalformedCursor)?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if epoch.len() != 8 || !epoch.bytes().all(is_hex) {
            return Err(MalformedCursor);
        }
        let is_number = seq.bytes().all(|byte| byte.is_ascii_digit()) && (seq == "0" || !seq.starts_with('0'));
        if !is_number {
            return Err(MalformedCursor);
        }
        let epoch = u32::from_str_radix(epoch, 16).map_err(|_| MalformedCursor)?;
        let seq = seq.parse().map_err(|_| MalformedCursor)?;
        Ok(Self { epoch: Epoch(epoch), seq })
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A place where updates are missing for a client: `{"reason":"evicted","lost":17}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Why they are missing.
    pub reason: GapReason,
    /// How many are missing; `None` for updates of another epoch, which cannot be counted.
    pub lost: Option<u64>,
}

/// Why updates are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GapReason {
    /// The cursor belongs to another epoch.
    Epoch,
    /// The journal evicted them before they were read.
    Evicted,
}

/// Where a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the next update to be published.
    Now,
    /// With the oldest update retained.
    Earliest,
    /// After an update that the client already has.
    After(Cursor),
}

impl FromStr for Start {
    type Err = MalformedCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "earliest" => Ok(Self::Earliest),
            cursor => cursor.parse().map(Self::After),
        }
    }
}

/// A cursor of this epoch beyond the newest update, which this server cannot have issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor {cursor} is ahead of the newest update, {newest}; send back a cursor that this server gave you")]
pub struct CursorAhead {
    /// The cursor that the client sent.
    pub cursor: Cursor,
    /// The cursor of the newest update.
    pub newest: Cursor,
}
