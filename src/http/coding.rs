//! Compression of answers and event streams (RFC 9110 section 8.4): gzip and zstd, for clients that accept them. Event
//! streams are flushed after each event.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue, VARY};
use http_body_util::BodyExt;
use hyper::body::Frame;
use zstd::stream::write::Encoder as ZstdEncoder;

use crate::limits;
use crate::server::Connection;

/// Middleware that compresses an answer if the client accepts it and the answer is large enough.
pub async fn compress(request: Request, next: Next) -> Response {
    let coding = Coding::accepted(request.headers());
    if let (Some(_), Some(connection)) = (coding, request.extensions().get::<Arc<Connection>>()) {
        connection.takeover().withdraw();
    }
    let mut response = next.run(request).await;
    let is_worth_it = |body: &Body| {
        !body.is_end_stream() && body.size_hint().lower() >= limits::COMPRESS_BYTES_MIN
            || body.size_hint().upper().is_none()
    };
    let is_ready = response.status().is_success() && !response.headers().contains_key(CONTENT_ENCODING);
    if !is_ready || !is_worth_it(response.body()) {
        return response;
    }
    // A cache must know that the answer depends on this request header (RFC 9110 section 12.5.5).
    response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
    let Some(coding) = coding else { return response };
    let Ok(encoder) = Encoder::new(coding) else { return response };
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    parts.headers.remove(CONTENT_LENGTH);
    // An answer of known length keeps a `Content-Length`.
    if body.size_hint().exact().is_some() {
        let whole = body.collect().await.map(|body| body.to_bytes()).map_err(io::Error::other);
        return match whole.and_then(|whole| encoder.last(&whole)) {
            Ok(coded) => Response::from_parts(parts, Body::from(coded)),
            Err(error) => Response::from_parts(parts, Body::new(Failed(Some(error)))),
        };
    }
    Response::from_parts(parts, Body::new(Coded { body, encoder: Some(Box::new(encoder)) }))
}

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Zstd,
    Gzip,
}

impl Coding {
    fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// The coding that the client prefers (RFC 9110 section 12.5.3).
    fn accepted(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let named: Vec<(&str, f32)> = values
            .flat_map(|value| value.split(','))
            .map(|one| {
                let (name, parameters) = one.split_once(';').unwrap_or((one, ""));
                let quality = parameters.trim().strip_prefix("q=").map_or(1.0, |q| q.parse().unwrap_or(0.0));
                (name.trim(), quality)
            })
            .collect();
        let quality = |name: &str| {
            let found = named.iter().find(|(one, _)| one.eq_ignore_ascii_case(name));
            found.or_else(|| named.iter().find(|(one, _)| *one == "*")).map_or(0.0, |(_, quality)| *quality)
        };
        let [zstd, gzip] = [Self::Zstd, Self::Gzip].map(|coding| quality(coding.name()));
        match zstd >= gzip {
            _ if zstd.max(gzip) <= 0.0 => None,
            true => Some(Self::Zstd),
            false => Some(Self::Gzip),
        }
    }
}

/// The compressor of one answer.
enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
}

impl Encoder {
    fn new(coding: Coding) -> io::Result<Self> {
        Ok(match coding {
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::new(limits::GZIP_LEVEL))),
            Coding::Zstd => {
                let mut encoder = ZstdEncoder::new(Vec::new(), limits::ZSTD_LEVEL)?;
                // The window determines the memory per client, on both sides.
                encoder.window_log(limits::ZSTD_WINDOW_LOG)?;
                Self::Zstd(encoder)
            }
        })
    }

    /// Compresses `plain` and flushes, so that it can be decompressed without the bytes that follow.
    fn next(&mut self, plain: &[u8]) -> io::Result<Bytes> {
        let coded = match self {
            Self::Gzip(encoder) => {
                encoder.write_all(plain)?;
                encoder.flush()?;
                std::mem::take(encoder.get_mut())
            }
            Self::Zstd(encoder) => {
                encoder.write_all(plain)?;
                encoder.flush()?;
                std::mem::take(encoder.get_mut())
            }
        };
        Ok(coded.into())
    }

    /// Compresses `plain` and ends the stream.
    fn last(self, plain: &[u8]) -> io::Result<Bytes> {
        let coded = match self {
            Self::Gzip(mut encoder) => {
                encoder.write_all(plain)?;
                encoder.finish()?
            }
            Self::Zstd(mut encoder) => {
                encoder.write_all(plain)?;
                encoder.finish()?
            }
        };
        Ok(coded.into())
    }
}

/// A body that is compressed piece by piece.
struct Coded {
    body: Body,
    /// `None` after the last piece.
    encoder: Option<Box<Encoder>>,
}

impl HttpBody for Coded {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let Self { body, encoder: kept } = &mut *self;
        let Some(encoder) = kept else { return Poll::Ready(None) };
        let frame = match ready!(Pin::new(body).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => {
                let last = kept.take().map(|encoder| encoder.last(&[]));
                return Poll::Ready(last.map(|last| last.map(Frame::data).map_err(Into::into)));
            }
        };
        let coded = match frame.into_data() {
            Ok(data) => encoder.next(&data).map(Frame::data),
            Err(trailers) => Ok(trailers),
        };
        Poll::Ready(Some(coded.map_err(Into::into)))
    }
}

/// A body that fails with an error.
struct Failed(Option<io::Error>);

impl HttpBody for Failed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(self.0.take().map(Err))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coding_that_a_client_prefers_is_chosen() {
        let chosen = |text: &'static str| {
            Coding::accepted(&HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(text))]))
        };
        assert_eq!(chosen("gzip, deflate, br, zstd"), Some(Coding::Zstd), "the header that Chromium sends");
        assert_eq!(chosen("gzip, deflate"), Some(Coding::Gzip));
        assert_eq!(chosen("zstd;q=0.5, gzip"), Some(Coding::Gzip));
        assert_eq!(chosen("zstd;q=0, *;q=0.1"), Some(Coding::Gzip));
        assert_eq!(chosen("GZIP"), Some(Coding::Gzip));
        for none in ["identity", "br", "gzip;q=0", ""] {
            assert_eq!(chosen(none), None, "{none}");
        }
        assert_eq!(Coding::accepted(&HeaderMap::new()), None);
    }

    #[test]
    fn each_piece_can_be_decompressed_before_the_next_arrives() {
        let mut encoder = Encoder::new(Coding::Gzip).unwrap();
        let mut decoder = flate2::write::GzDecoder::new(Vec::new());
        let mut zstd = Encoder::new(Coding::Zstd).unwrap();
        let mut unzstd = zstd::stream::write::Decoder::new(Vec::new()).unwrap();
        let mut first = [0; 2];
        for number in 0..100_u32 {
            let plain = format!("id: {number}\ndata: {{\"seq\":{number}}}\n\n");
            let coded = [encoder.next(plain.as_bytes()).unwrap(), zstd.next(plain.as_bytes()).unwrap()];
            decoder.write_all(&coded[0]).unwrap();
            decoder.flush().unwrap();
            unzstd.write_all(&coded[1]).unwrap();
            unzstd.flush().unwrap();
            assert_eq!(std::mem::take(decoder.get_mut()), plain.as_bytes());
            assert_eq!(std::mem::take(unzstd.get_mut()), plain.as_bytes());
            if number == 0 {
                first = [coded[0].len(), coded[1].len()];
            } else if number > 1 {
                assert!(coded[0].len() < first[0] && coded[1].len() < first[1], "the earlier pieces make it smaller");
            }
        }
    }
}
