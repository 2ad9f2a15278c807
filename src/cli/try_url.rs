//! `loadgen try URL`: a first look at an unknown server. Reports what answers, follows the stream, and writes a first
//! target file.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::bounded::length;
use super::process::{print_out, sentence};
use super::trust::TrustFlags;
use crate::files;
use crate::limits;
use crate::load::foreign::explore::{self, ExploreOptions, Head, Kind, Progress};
use crate::load::foreign::follow::{Followed, Message};
use crate::load::foreign::secrets::{Secrets, shown};
use crate::load::foreign::subscriber::short;
use crate::load::foreign::template::{Template, Values};
use crate::print;
use crate::units::{Nanos, grouped, short_number};

/// The arguments of `loadgen try`.
#[derive(Clone, Debug, Args)]
pub struct TryArgs {
    /// Address to try, as in 127.0.0.1:3000/events or 'wss://example.com/feed?token=${TOKEN}'; ${…} is read from the
    /// environment.
    #[arg(value_parser = address)]
    url: (Template, String),
    /// Header of each request, as in 'Authorization: Bearer ${TOKEN}'; ${…} is read from the environment. May be given
    /// several times.
    #[arg(long, value_name = "HEADER", value_parser = header)]
    header: Vec<(HeaderName, Template, String)>,
    #[command(flatten)]
    trust: TrustFlags,
    /// How long to follow the stream.
    #[arg(long = "for", value_name = "LENGTH", default_value = "5s", value_parser = length(Nanos::SECOND, limits::LENGTH_MAX))]
    length: Nanos,
    /// Target file to write; an existing file is not overwritten.
    #[arg(long, value_name = "FILE", default_value = "my-server.toml")]
    out: PathBuf,
}

/// Parses an address; without a scheme it is http.
fn address(text: &str) -> Result<(Template, String), String> {
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    Ok((text.parse::<Template>().map_err(|error| error.to_string())?, text))
}

/// Parses `Name: value`.
fn header(text: &str) -> Result<(HeaderName, Template, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as in 'Name: value'")?;
    let name = HeaderName::try_from(name.trim()).map_err(|_| format!("`{name}` is not a valid header name"))?;
    let template = value.trim().parse::<Template>().map_err(|error| error.to_string())?;
    Ok((name, template, value.trim().to_owned()))
}

/// Tries the address and prints the findings.
///
/// Errors: one sentence with what was found instead, and what to do.
pub async fn run(args: TryArgs) -> anyhow::Result<()> {
    let (address, text) = &args.url;
    let templates = || args.header.iter().map(|(_, template, _)| template).chain([address]);
    let mut needed = templates().flat_map(Template::environment).filter(|(_, is_needed)| *is_needed);
    if let Some((missing, _)) = needed.find(|(name, _)| std::env::var_os(name).is_none()) {
        anyhow::bail!("the environment variable {missing} is not set; set it, as in `export {missing}=…`");
    }
    let secrets = Secrets::of(templates().flat_map(Template::environment).map(|(name, _)| name));
    let url = address.fill(&Values::default());
    let mut headers = HeaderMap::new();
    for (name, template, _) in &args.header {
        let value = HeaderValue::try_from(template.fill(&Values::default()));
        let value = value.with_context(|| format!("the value of {name} is not a valid header value"))?;
        headers.insert(name.clone(), value);
    }
    let options = ExploreOptions { headers, length: args.length.duration(), trust: args.trust.trust()? };
    let mut shown = 0;
    let is_terminal = std::io::stdout().is_terminal();
    let mut say = |progress: Progress<'_>| {
        let line = match progress {
            Progress::Head(head) => head_words(head, &as_written(&head.url, &url, text)),
            Progress::Message(message) if shown < limits::TRY_MESSAGES_SHOWN => {
                shown += 1;
                message_words(message)
            }
            Progress::Message(_) => return,
            Progress::Second(count, bytes) if is_terminal || count > 0 => {
                format!("  {} messages/s, {} B/s", grouped(count as i64), grouped(bytes as i64))
            }
            Progress::Second(..) => return,
        };
        // A closed terminal stops the command by a signal.
        let _printed = print::out(&format!("{}\n", secrets.mask(&line)));
    };
    let masked = |error: anyhow::Error| anyhow::Error::msg(secrets.mask(&sentence(&error)));
    let head = explore::find(&url, &options, &mut say).await.map_err(|error| masked(error.into()))?;
    let followed = match head.kind {
        Kind::Events | Kind::WebSocket | Kind::Json => {
            let followed = explore::follow(&head, &options, &mut say).await;
            Some(followed.map_err(|error| masked(error.into()))?)
        }
        Kind::SocketIo | Kind::Page | Kind::Other => None,
    };
    let mut lines: Vec<String> = Vec::new();
    if let Some(followed) = &followed {
        lines.extend(findings(&head, followed));
    }
    let found = as_written(&head.url, &url, text);
    let Some(file) = target_file(&found, head.kind, followed.as_ref(), &args.header) else {
        lines.push(format!(
            "nothing at {text} streams: {}; give the address of the stream itself",
            if head.kind == Kind::Page {
                "it is a web page".to_owned()
            } else if head.status.is_success() {
                "neither an event stream, a WebSocket, Socket.IO nor JSON".to_owned()
            } else {
                format!("it answered {}", head.status)
            }
        ));
        return say_lines(&lines);
    };
    if args.out.exists() {
        lines.push(format!("{} already exists and was not changed; choose another --out", args.out.display()));
        return say_lines(&lines);
    }
    files::write_whole(&args.out, file.as_bytes())
        .with_context(|| format!("cannot write {}; choose another file with --out", args.out.display()))?;
    let out = args.out.display().to_string();
    let path = if out.contains('/') || out.ends_with(".toml") { out } else { format!("./{out}") };
    lines.push(format!("wrote {path}; edit it, then: loadgen run --target {path}"));
    say_lines(&lines)
}

fn say_lines(lines: &[String]) -> anyhow::Result<()> {
    print_out(&(lines.join("\n") + "\n"))
}

/// The address found, as the user wrote it: with `${…}` where the value came from the environment.
fn as_written(found: &str, asked: &str, text: &str) -> String {
    let behind_scheme = |url: &str| url.split_once("://").map_or_else(|| url.to_owned(), |(_, rest)| rest.to_owned());
    let (scheme, found) = found.split_once("://").unwrap_or(("http", found));
    let (asked, text) = (behind_scheme(asked), behind_scheme(text));
    if found == asked {
        return format!("{scheme}://{text}");
    }
    // Found at a well-known path on the same host.
    let path = found.find('/').map_or("", |at| &found[at..]);
    format!("{scheme}://{}{path}", text.split('/').next().unwrap_or_default())
}

/// "http://127.0.0.1:3000/events: an event stream (200, content-type: text/event-stream, …)".
fn head_words(head: &Head, url: &str) -> String {
    let what = match head.kind {
        Kind::Events => "an event stream",
        Kind::WebSocket => "a WebSocket",
        Kind::SocketIo => "Socket.IO",
        Kind::Json => "JSON",
        Kind::Page => "a web page",
        Kind::Other => "something else",
    };
    let names = ["content-type", "server", "cache-control", "etag", "x-accel-buffering", "via", "retry-after"];
    let headers = names.into_iter().filter_map(|name| {
        let value = head.headers.get(name)?.to_str().ok()?;
        Some(format!(", {name}: {value}"))
    });
    format!("{url}: {what} ({}{})", head.status.as_u16(), headers.collect::<String>())
}

fn message_words(message: &Message) -> String {
    let event = if message.event.is_empty() { String::new() } else { format!("event {}, ", message.event) };
    let id = message.id.as_deref().map_or_else(String::new, |id| format!("id {}, ", short(id)));
    format!("  message: {event}{id}{} B: {}", grouped(message.text.len() as i64), short(&message.text))
}

/// What was learned by following the stream, in sentences.
fn findings(head: &Head, followed: &Followed) -> Vec<String> {
    let milli = |ns: i64| format!("{} ms", short_number(ns as f64 / 1e6));
    let mut lines = Vec::new();
    match (followed.count, followed.gaps()) {
        (0, _) => lines.push(
            "no message came: publish something, or follow for longer with --for; some servers wait for a first message"
                .to_owned(),
        ),
        (count, None) => lines.push(format!("{} message in total", grouped(count as i64))),
        (count, Some([median, longest])) => lines.push(format!(
            "{} messages of {} B on average; median interval {} ms, longest {} ms",
            grouped(count as i64),
            short_number(followed.messages.iter().map(|one| one.text.len()).sum::<usize>() as f64 / followed.messages.len() as f64),
            short_number(median.as_secs_f64() * 1e3),
            short_number(longest.as_secs_f64() * 1e3)
        )),
    }
    if head.kind == Kind::Events {
        lines.push(match followed.heartbeats {
            0 => "no heartbeat comments were seen".to_owned(),
            count => format!("heartbeat comments: {count}"),
        });
        let has_id = followed.messages.iter().any(|message| message.id.is_some());
        lines.push(match (has_id, followed.resumes) {
            (false, _) if followed.count > 0 => {
                "events have no id: a client that reconnects misses what was sent in between".to_owned()
            }
            (false, _) => "whether events have an id is unknown".to_owned(),
            (true, Some(true)) => "Last-Event-ID works: messages after an old id were sent again".to_owned(),
            (true, Some(false)) => "events have an id, but Last-Event-ID has no effect".to_owned(),
            (true, None) => "events have an id; too few came to try Last-Event-ID".to_owned(),
        });
        if let Some(retry) = followed.retry {
            lines.push(format!("asks for {retry} before a reconnect"));
        }
    }
    if head.kind == Kind::Json {
        lines.push(match (followed.has_tag, followed.not_modified) {
            (_, true) => "If-None-Match works: an unchanged answer was a 304".to_owned(),
            (true, false) => "answers have an ETag; none was a 304".to_owned(),
            (false, false) => "answers have no ETag: each poll returns everything again".to_owned(),
        });
    }
    match followed.delays() {
        Some(delays) => {
            lines.push(format!(
                "from sent ({}) to seen: median {}, range {} to {}, by the clocks of both hosts",
                delays.path,
                milli(delays.p50),
                milli(delays.min),
                milli(delays.max)
            ));
            lines.push(match delays.is_held_back {
                true => {
                    "messages sent at different times arrived together: a proxy or the server buffers them".to_owned()
                }
                false => "nothing on the way buffers messages".to_owned(),
            });
        }
        None if followed.count > 0 => {
            lines.push("messages carry no send time, so whether a proxy buffers them is unknown".to_owned())
        }
        None => {}
    }
    if followed.ended {
        lines.push("the server closed the connection".to_owned());
    }
    lines
}

/// The first version of a target file; `None` where there is no stream. `about` appears in reports, so it leaves out
/// the query.
fn target_file(
    url: &str,
    kind: Kind,
    followed: Option<&Followed>,
    headers: &[(HeaderName, Template, String)],
) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (host, path) = rest.find(['/', '?']).map_or((rest, "/"), |at| rest.split_at(at));
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let secure = if matches!(scheme, "https" | "wss") { "s" } else { "" };
    let mut text = format!(
        "# Written by `loadgen try`; targets/README.md lists the keys.\n\
         about = \"what was found at {}\"\nbase = \"http{secure}://{host}\"\n",
        shown(url).replace(['"', '\\'], "")
    );
    if let Some(delays) = followed.and_then(Followed::delays) {
        text.push_str(&format!("# JSON path of a message's send time.\ntimestamp = \"{}\"\n", delays.path));
    }
    text.push_str(
        "\n# Without these lines someone else publishes: no audit. To let loadgen publish, uncomment them and\n\
         # remove `timestamp`, if present. The last two are only for a server that wants more than the JSON of an\n\
         # update; ${API_KEY} is read from the environment.\n\
         # [publish.http]\n# url = \"{base}/publish\"\n\
         # headers = { Content-Type = \"application/json\", X-Api-Key = \"${API_KEY}\" }\n\
         # body = '{\"type\":\"update\",\"data\":{payload}}'\n",
    );
    let mut more = String::new();
    if !headers.is_empty() {
        let accept = if kind == Kind::Events { "Accept = \"text/event-stream\", " } else { "" };
        let pairs: Vec<String> = headers.iter().map(|(name, _, value)| format!("\"{name}\" = '{value}'")).collect();
        more = format!("headers = {{ {accept}{} }}\n", pairs.join(", "));
    }
    let path = path.replace('"', "%22");
    match kind {
        Kind::Events => {
            text.push_str(&format!("\n[sse]\nurl = \"{{base}}{path}\"\n{more}"));
            text.push_str(&event_lines(followed.map(Followed::events).unwrap_or_default()));
            text.push_str(&envelope_line(followed));
        }
        Kind::WebSocket => {
            text.push_str(&format!("\n[websocket]\nurl = \"{{ws}}{path}\"\n{more}"));
            text.push_str(&envelope_line(followed));
        }
        Kind::Json => {
            text.push_str(&format!("\n[polling]\nurl = \"{{base}}{path}\"\n{more}"));
            if let Some(list) = followed.and_then(|followed| followed.list.as_deref()) {
                text.push_str(&format!(
                    "each = \"{list}\"\n# A cursor, so that each message comes once: targets/README.md\n"
                ));
            }
        }
        Kind::SocketIo => text.push_str(SOCKETIO),
        Kind::Page | Kind::Other => return None,
    }
    Some(text)
}

/// Which event is followed, and which others there were.
fn event_lines(names: Vec<(&str, usize, usize)>) -> String {
    let (mut named, rest): (Vec<_>, Vec<_>) = names.into_iter().enumerate().partition(|(place, _)| *place == 0);
    let others: Vec<String> = rest
        .into_iter()
        .map(|(_, (name, count, _))| format!("{} ({count})", if name.is_empty() { "message" } else { name }))
        .collect();
    let seen = match others.is_empty() {
        true => String::new(),
        false => format!("# The name of the events that carry what is published. Seen too: {}\n", others.join(", ")),
    };
    match named.pop() {
        Some((_, (name, ..))) if !matches!(name, "" | "message") => format!("{seen}event = '{name}'\n"),
        Some(_) | None => seen,
    }
}

/// Where the published update may be in a message.
fn envelope_line(followed: Option<&Followed>) -> String {
    let places = followed.map(Followed::envelopes).unwrap_or_default();
    let Some((first, others)) = places.split_first() else { return String::new() };
    let others =
        if others.is_empty() { String::new() } else { format!("; other objects are at {}", others.join(", ")) };
    format!(
        "# If a published update comes back in an envelope, its path{others}:\n# message = {{ json = \"{first}\" }}\n"
    )
}

/// As in `targets/socketio.toml`.
const SOCKETIO: &str = r#"
# The name of the event stands in `when`.
[websocket]
url = "{ws}/socket.io/?EIO=4&transport=websocket"
handshake = [{ expect = "0{" }, { send = "40" }, { expect = "40{" }]
replies = { 2 = "3" }
message = { prefix = "42", when = { "$[0]" = "update" }, json = "$[1]" }
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_was_found_is_written_as_it_was_asked_for() {
        for (found, asked, text, written) in [
            ("http://h/a?t=secret", "http://h/a?t=secret", "http://h/a?t=${T}", "http://h/a?t=${T}"),
            ("ws://h/a?t=secret", "http://h/a?t=secret", "http://h/a?t=${T}", "ws://h/a?t=${T}"),
            ("http://secret:1/events", "http://secret:1", "http://${HOST}:1", "http://${HOST}:1/events"),
            ("ws://h:1", "http://h:1", "http://h:1", "ws://h:1"),
        ] {
            assert_eq!(as_written(found, asked, text), written, "{found}");
        }
    }

    #[test]
    fn a_file_that_is_begun_keeps_a_query_where_clients_need_it_and_nowhere_else() {
        for (url, path) in [("http://h:1/events?t=${T}", "/events?t=${T}"), ("http://h:1?t=u", "/?t=u")] {
            let file = target_file(url, Kind::Events, None, &[]).unwrap();
            let base = "http://h:1";
            assert!(
                file.contains(&format!("base = \"{base}\"\n")) && file.contains(&format!("url = \"{{base}}{path}\""))
            );
            let about = file.lines().find(|line| line.starts_with("about")).unwrap();
            assert!(!about.contains('?') && about.contains(base), "{about}");
            assert_eq!(file.matches("t=").count(), 1, "{file}");
        }
    }
}
