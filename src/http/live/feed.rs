//! The feed of the live page: `GET` and `POST /live/feed`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::limits;
use crate::server::request::JsonBody;
use crate::server::{App, FeedChangeError, FeedSetting, Problem};

/// `GET /live/feed`
pub async fn read(State(app): State<Arc<App>>) -> Response {
    Json(app.feed.state()).into_response()
}

/// `POST /live/feed`: sets the feed for everyone. 200 with the setting.
///
/// Errors: 400 for a malformed body or a setting out of bounds, 409 where the feed is not the page's to set.
pub async fn change(
    State(app): State<Arc<App>>,
    JsonBody(setting): JsonBody<FeedSetting>,
) -> Result<Response, Problem> {
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    if !(limits::LIVE_RATE_MIN..=limits::LIVE_RATE_MAX).contains(&setting.rate) {
        let (least, most) = (limits::LIVE_RATE_MIN, limits::LIVE_RATE_MAX);
        return Err(bad(format!("rate is {}; use {least} to {most} updates a second", setting.rate)));
    }
    if !(1..=limits::LIVE_PAYLOAD_BYTES_MAX).contains(&setting.payload) {
        let most = limits::LIVE_PAYLOAD_BYTES_MAX;
        return Err(bad(format!("payload is {}; use 1 to {most} bytes", setting.payload)));
    }
    match app.feed.change(setting).await {
        Ok(state) => Ok(Json(state).into_response()),
        Err(FeedChangeError::Closed) => {
            let detail =
                "this feed is set from outside; start `server` with --feed replay, synthetic or none to set it here";
            Err(Problem::new(StatusCode::CONFLICT, detail))
        }
        Err(FeedChangeError::Feed(error)) => Err(bad(error.to_string())),
    }
}
