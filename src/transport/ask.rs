//! The client's request for updates with one complete answer, used by polling and long polling.

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};

use crate::limits;
use crate::net::Stream;
use crate::stream::Cursor;
use crate::transport::answer::Answer;
use crate::transport::client::{ClientError, Event};
use crate::transport::coding::Decoder;
use crate::transport::session::{Http, close, over_fresh, refusal};

impl<S: Stream> Http<'_, S> {
    /// Requests updates from `path` and reports the answer as events; returns whether more is waiting.
    pub async fn ask(
        &mut self,
        path: &str,
        position: &mut Option<Cursor>,
        on_event: &mut impl FnMut(Event<'_>),
    ) -> Result<bool, ClientError> {
        match self.dialler() {
            None => self.ask_with(path, &[], position, on_event).await,
            Some(dial) => {
                let ask = async |http: &mut Http<'_, S>| http.ask_with(path, &[close()], position, on_event).await;
                over_fresh(&*dial, self.options(), ask).await
            }
        }
    }

    async fn ask_with(
        &mut self,
        path: &str,
        extra: &[(HeaderName, HeaderValue)],
        position: &mut Option<Cursor>,
        on_event: &mut impl FnMut(Event<'_>),
    ) -> Result<bool, ClientError> {
        on_event(Event::Requested);
        let response = self.get(path, extra).await?;
        match response.status() {
            StatusCode::OK => {
                let mut decoder = Decoder::of(response.headers())?;
                let coded = response.into_body().whole(limits::BATCH_BYTES_MAX * 2).await?;
                let body = decoder.next(&coded, limits::BATCH_BYTES_MAX * 2, on_event)?;
                let answer: Answer<'_> = serde_json::from_slice(&body)
                    .map_err(|error| ClientError::Contract(format!("the answer of {path}: {error}")))?;
                if let Some(gap) = answer.gap {
                    on_event(Event::Gap(gap));
                }
                match (answer.updates.is_empty(), position.is_none()) {
                    (false, _) => {}
                    (true, true) => on_event(Event::Position(answer.cursor)),
                    (true, false) => on_event(Event::Empty),
                }
                for update in &answer.updates {
                    on_event(Event::Update(*update));
                }
                *position = Some(answer.cursor);
                Ok(answer.more || answer.updates.len() >= limits::POLL_LIMIT_DEFAULT)
            }
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => {
                on_event(Event::Empty);
                Ok(false)
            }
            _ => Err(refusal(response).await),
        }
    }
}
