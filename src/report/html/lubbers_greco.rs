//! The figures of Lubbers and Greco next to the measured ones.

use maud::{Markup, html};

use crate::report::findings::view::{Setting, View};
use crate::report::html::components::Table;
use crate::report::text::wording::NOT_MEASURED;
use crate::run::Transport;
use crate::run::metric::{Metric, Metrics, Value};
use crate::units::{grouped, three_digits as three};

/// Header bytes of one poll in "HTML5 WebSocket: A Quantum Leap in Scalability for the Web" (websocket.org/quantum).
const THEIR_POLL_BYTES: f64 = 871.0;
/// Header bytes of one WebSocket frame, likewise.
const THEIR_FRAME_BYTES: f64 = 2.0;
/// The client counts that they calculate for, with one update a second for each client.
const THEIR_CLIENTS: [u32; 3] = [1_000, 10_000, 100_000];

/// Which bytes of a delivery are counted.
#[derive(Clone, Copy)]
enum Counting {
    /// What comes on top of the payload above TCP: headers and framing, as they counted.
    Headers,
    /// All of it, TCP/IP headers, acknowledgements and payload included.
    All,
}

impl Counting {
    fn of(self, metrics: &Metrics<Value>) -> Option<f64> {
        match self {
            Self::Headers => Some(metrics.get(Metric::WireHttpHeaders).0? + metrics.get(Metric::WireFraming).0?),
            Self::All => metrics.get(Metric::WireTotal).0,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Headers => "headers and framing",
            Self::All => "every byte on the wire",
        }
    }
}

/// Their table followed by the measured figures: bytes a second for their client counts, and the ratio of polling to
/// WebSocket.
pub(crate) fn table(view: &View<'_>) -> Markup {
    let head = ["counted", "polling", "WebSocket", "polling to WebSocket"].map(str::to_owned);
    let crowds = THEIR_CLIENTS.map(|clients| format!("polling, {} clients, calculated", grouped(i64::from(clients))));
    let head: Vec<String> = head.into_iter().chain(crowds).collect();
    let mut rows =
        vec![line("Lubbers and Greco: headers, calculated", Some(THEIR_POLL_BYTES), Some(THEIR_FRAME_BYTES))];
    for point in view.points() {
        let Some(settings) = view.point(point) else { continue };
        for counting in [Counting::Headers, Counting::All] {
            let value = |transport| view.row(point, transport).and_then(|row| counting.of(&row.metrics));
            let heads = Setting::Heads.phrase(Setting::Heads.of(settings));
            let headers = match Setting::RequestHeader.of(settings) {
                0.0 => heads,
                added => format!("{heads} and {} added", Setting::RequestHeader.tick(added)),
            };
            let name = format!("measured, {headers}: {}", counting.label());
            rows.push(line(&name, value(Transport::Polling), value(Transport::WebSocket)));
        }
    }
    html! {
        figure {
            figcaption { strong { "Their figures next to the measured ones" } }
            (Table::new(head, rows).html("Lubbers and Greco's table, measured"))
            p.note {
                "Bytes per delivery. The bytes a second of larger client counts are calculated, at one update a second for \
                 each client, from the bytes per delivery measured with "
                (measured_with(view))
                ". They counted headers only; the measured framing includes the JSON envelope."
            }
        }
    }
}

/// How many clients were measured: `100 clients`.
fn measured_with(view: &View<'_>) -> String {
    let clients = view.points().first().and_then(|point| view.point(*point)).map_or(0, |point| point.clients);
    Setting::Clients.phrase(f64::from(clients))
}

fn line(name: &str, polling: Option<f64>, websocket: Option<f64>) -> Vec<String> {
    let bytes = |value: Option<f64>| value.map_or(NOT_MEASURED.to_owned(), |value| format!("{} B", three(value)));
    let ratio = match (polling, websocket) {
        (Some(polling), Some(websocket)) if websocket > 0.0 => format!("{:.1} : 1", polling / websocket),
        _ => NOT_MEASURED.to_owned(),
    };
    let crowds = THEIR_CLIENTS.map(|clients| {
        polling.map_or(NOT_MEASURED.to_owned(), |each| {
            format!("{} B/s", grouped((each * f64::from(clients)).round() as i64))
        })
    });
    [name.to_owned(), bytes(polling), bytes(websocket), ratio].into_iter().chain(crowds).collect()
}
