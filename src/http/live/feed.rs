//! The feed of the live page: `GET` and `POST /live/feed`.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::StatusCode;

use crate::limits;
use crate::server::request::JsonBody;
use crate::server::{FeedChangeError, FeedSetting, Problem, Room};

/// `GET /live/feed`: the current setting.
pub async fn read(Extension(room): Extension<Arc<Room>>) -> Response {
    Json(room.feed.state()).into_response()
}

/// `POST /live/feed`: sets the feed of the stream for all clients. 200 with the setting.
///
/// Errors: 400 for a malformed body or a setting out of range, 409 if the page cannot set this feed.
pub async fn change(
    Extension(room): Extension<Arc<Room>>,
    JsonBody(setting): JsonBody<FeedSetting>,
) -> Result<Response, Problem> {
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    if !(limits::LIVE_RATE_MIN..=room.limits.feed_per_s).contains(&setting.rate) {
        let (least, most) = (limits::LIVE_RATE_MIN, room.limits.feed_per_s);
        return Err(bad(format!("rate is {}; use {least} to {most} updates a second", setting.rate)));
    }
    if !(1..=room.limits.feed_payload_bytes).contains(&setting.payload) {
        let most = room.limits.feed_payload_bytes;
        return Err(bad(format!("payload is {}; use 1 to {most} bytes", setting.payload)));
    }
    match room.feed.change(setting).await {
        Ok(state) => Ok(Json(state).into_response()),
        Err(FeedChangeError::Closed) => {
            let detail = "this feed comes from outside the server; start `server` with --feed replay, synthetic or \
                none to set it here";
            Err(Problem::new(StatusCode::CONFLICT, detail))
        }
        Err(FeedChangeError::Feed(error)) => Err(bad(error.to_string())),
    }
}
