//! Decompression in the client (RFC 9110 section 8.4.1): gzip and zstd, incrementally and in bounded memory.

use std::borrow::Cow;
use std::io::{self, Write};

use flate2::write::GzDecoder;
use http::header::{CONTENT_ENCODING, HeaderMap};
use zstd::stream::write::Decoder as ZstdDecoder;

use crate::limits;
use crate::transport::client::{ClientError, Event};

/// Decompresses one answer.
pub struct Decoder(Coding);

enum Coding {
    Identity,
    Gzip(Box<GzDecoder<Vec<u8>>>),
    Zstd(Box<ZstdDecoder<'static, Vec<u8>>>),
}

impl Decoder {
    /// The decoder for the `Content-Encoding` of an answer.
    ///
    /// Errors: a coding that was not requested.
    pub fn of(headers: &HeaderMap) -> Result<Self, ClientError> {
        let coding = headers.get(CONTENT_ENCODING).map(|coding| coding.as_bytes());
        Ok(Self(match coding {
            None | Some(b"identity") => Coding::Identity,
            Some(b"gzip") => Coding::Gzip(Box::new(GzDecoder::new(Vec::new()))),
            Some(b"zstd") => {
                let mut decoder = ZstdDecoder::new(Vec::new()).map_err(ClientError::broken)?;
                decoder.window_log_max(limits::ZSTD_WINDOW_LOG_MAX).map_err(ClientError::broken)?;
                Coding::Zstd(Box::new(decoder))
            }
            Some(other) => {
                let other = String::from_utf8_lossy(other);
                return Err(ClientError::Contract(format!(
                    "an answer is encoded as `{other}`, which was not requested"
                )));
            }
        }))
    }

    /// Decompresses the next bytes of a body, to at most `bytes_max`.
    ///
    /// Errors: bytes that are malformed, or that decompress to more.
    pub fn next<'a>(
        &mut self,
        coded: &'a [u8],
        bytes_max: usize,
        on_event: &mut impl FnMut(Event<'_>),
    ) -> Result<Cow<'a, [u8]>, ClientError> {
        let decoded = match &mut self.0 {
            Coding::Identity => return Ok(coded.into()),
            Coding::Gzip(decoder) => unpack(&mut **decoder, coded, bytes_max, GzDecoder::get_mut),
            Coding::Zstd(decoder) => unpack(&mut **decoder, coded, bytes_max, ZstdDecoder::get_mut),
        }?;
        on_event(Event::Decompressed { coded: coded.len(), decoded: decoded.len() });
        Ok(decoded.into())
    }
}

/// Decompresses `coded` in pieces so small that checking the total after each piece bounds the memory.
fn unpack<W: Write>(
    decoder: &mut W,
    coded: &[u8],
    bytes_max: usize,
    unpacked: fn(&mut W) -> &mut Vec<u8>,
) -> Result<Vec<u8>, ClientError> {
    let malformed = |error: io::Error| ClientError::Contract(format!("an answer cannot be decompressed: {error}"));
    for piece in coded.chunks(limits::UNPACK_PIECE_BYTES) {
        decoder.write_all(piece).map_err(malformed)?;
        if unpacked(decoder).len() > bytes_max {
            return Err(ClientError::Contract(format!("an answer decompresses to more than {bytes_max} B")));
        }
    }
    decoder.flush().map_err(malformed)?;
    Ok(std::mem::take(unpacked(decoder)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn decoder(coding: &'static str) -> Decoder {
        Decoder::of(&HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(coding))])).unwrap()
    }

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.flush().unwrap();
        std::mem::take(encoder.get_mut())
    }

    #[test]
    fn flushed_bytes_are_decompressed_at_once_and_both_sizes_are_counted() {
        let zstd = |plain: &[u8]| {
            let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
            encoder.write_all(plain).unwrap();
            encoder.flush().unwrap();
            std::mem::take(encoder.get_mut())
        };
        let plain = b"id: 1\ndata: {\"seq\":1}\n\n".repeat(20);
        for (coding, coded) in [("gzip", gzip(&plain)), ("zstd", zstd(&plain))] {
            let mut counted = (0, 0);
            let mut note = |event: Event<'_>| {
                if let Event::Decompressed { coded, decoded } = event {
                    counted = (counted.0 + coded, counted.1 + decoded);
                }
            };
            let mut decoder = decoder(coding);
            let got: Vec<u8> = coded
                .chunks(7)
                .flat_map(|piece| decoder.next(piece, 1 << 20, &mut note).unwrap().into_owned())
                .collect();
            assert_eq!(got, plain, "{coding}");
            assert_eq!(counted, (coded.len(), plain.len()), "{coding}");
        }
    }

    #[test]
    fn a_decompression_bomb_is_refused_before_it_is_unpacked() {
        let plain = vec![0; 100 << 20];
        let bombs = [("gzip", gzip(&plain)), ("zstd", zstd::encode_all(plain.as_slice(), 19).unwrap())];
        for (coding, bomb) in bombs {
            assert!(bomb.len() < 200 << 10, "{coding}: {}", bomb.len());
            let mut decoder = decoder(coding);
            let error = decoder.next(&bomb, 1 << 20, &mut |_| {}).unwrap_err();
            assert!(matches!(error, ClientError::Contract(_)), "{coding}: {error}");
            let held = match &mut decoder.0 {
                Coding::Identity => 0,
                Coding::Gzip(decoder) => decoder.get_mut().len(),
                Coding::Zstd(decoder) => decoder.get_mut().len(),
            };
            assert!(held < 16 << 20, "{coding}: {held}");
        }
    }

    #[test]
    fn an_unknown_coding_and_malformed_bytes_break_the_contract() {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static("br"))]);
        assert!(matches!(Decoder::of(&headers), Err(ClientError::Contract(_))));
        for coding in ["gzip", "zstd"] {
            let error = decoder(coding).next(&[b'x'; 100], 1 << 20, &mut |_| {}).unwrap_err();
            assert!(matches!(error, ClientError::Contract(_)), "{coding}: {error}");
        }
    }
}
