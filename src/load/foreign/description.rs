//! A target file: how to start a third-party server, how to publish to it, and how to subscribe over each transport
//! that it has. `targets/README.md` is the manual. There is one type for each table of such a file, all in one place,
//! since they are read together.
//!
//! Over 400 lines: a target file is one format, and this is its reader.

use std::collections::{BTreeMap, BTreeSet};

use http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use serde::{Deserialize, Deserializer, de};

use super::json_path::JsonPath;
use super::template::Template;
use crate::run::Transport;

/// A target file as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// What the server is, in one sentence.
    pub about: String,
    /// Why the file's author never tried it; absent if it was tried.
    pub untried: Option<String>,
    /// The server's address, as in `http://127.0.0.1:{port}`.
    pub base: Template,
    /// How to start it; absent for a server that is already running.
    pub start: Option<Start>,
    /// A file with its process id, for a server that is already running.
    pub pid_file: Option<Template>,
    /// How to publish; absent if others publish.
    pub publish: Option<Publish>,
    /// JSON path of a message's send time, if others publish.
    pub timestamp: Option<JsonPath>,
    /// Interval polling.
    pub polling: Option<Polls>,
    /// Long polling.
    pub long_polling: Option<Polls>,
    /// An event stream.
    pub sse: Option<Events>,
    /// A WebSocket.
    pub websocket: Option<Socket>,
}

/// How to start a server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The program and its arguments.
    pub command: Vec<Template>,
    /// Environment variables for the program.
    #[serde(default)]
    pub env: BTreeMap<String, Template>,
    /// Files that it needs: for each name in `{work}`, the accompanying file that is copied there.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// The same, but with `{port}` and other placeholders filled in.
    #[serde(default)]
    pub fill: BTreeMap<String, String>,
    /// An address that answers once the server is ready; without it, the server is ready when its port accepts a
    /// connection.
    pub ready: Option<Template>,
    /// How to install the program.
    #[serde(default)]
    pub install: String,
}

/// How to publish: with requests, or with messages over a WebSocket.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// One request per update.
    pub http: Option<PublishHttp>,
    /// One message per update.
    pub websocket: Option<PublishSocket>,
}

/// A request that publishes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishHttp {
    /// Its method.
    #[serde(default = "post")]
    pub method: String,
    /// Its address.
    pub url: Template,
    /// Its headers.
    #[serde(default = "json_content")]
    pub headers: Headers,
    /// Its body.
    #[serde(default = "payload")]
    pub body: Template,
    /// Statuses that mean that the update was accepted.
    #[serde(default = "taken")]
    pub ok: Vec<u16>,
}

/// A WebSocket on which to publish.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishSocket {
    /// Its address.
    pub url: Template,
    /// Headers of the opening request.
    #[serde(default)]
    pub headers: Headers,
    /// Its subprotocol.
    pub subprotocol: Option<String>,
    /// Messages exchanged before anything is published.
    #[serde(default)]
    pub handshake: Vec<Step>,
    /// Replies to messages that are exactly these.
    #[serde(default)]
    pub replies: BTreeMap<String, String>,
    /// The message for one update.
    #[serde(default = "payload")]
    pub message: Template,
}

/// How to poll.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Polls {
    /// The address.
    pub url: Template,
    /// The address once there is a cursor, if it differs.
    pub next_url: Option<Template>,
    /// Headers of every request.
    #[serde(default)]
    pub headers: Headers,
    /// Additional headers while there is no cursor.
    #[serde(default)]
    pub first_headers: Headers,
    /// Additional headers once there is one.
    #[serde(default)]
    pub next_headers: Headers,
    /// The parts of the cursor, and where each is in an answer.
    #[serde(default)]
    pub cursor: BTreeMap<String, CursorPart>,
    /// Statuses that mean that nothing is new.
    #[serde(default = "empty")]
    pub none: Vec<u16>,
    /// JSON path of the list of messages in an answer; without it an answer is one message.
    pub each: Option<JsonPath>,
    /// The separator between the messages of an answer.
    pub separator: Option<String>,
    /// Poll again immediately until nothing is new, since an answer contains only one of several messages.
    #[serde(default)]
    pub drain: bool,
    /// A session that is opened before the first poll.
    pub session: Option<Session>,
    /// What to post in reply to messages that are exactly these.
    #[serde(default)]
    pub replies: BTreeMap<String, String>,
    /// Where the payload is in a message.
    #[serde(default)]
    pub message: Message,
}

/// A session over polls, as engine.io has.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The address that opens the session.
    pub url: Template,
    /// The text before the JSON of its answer.
    #[serde(default)]
    pub prefix: String,
    /// JSON path of the session's name.
    pub id: JsonPath,
    /// Messages posted and expected after that.
    #[serde(default)]
    pub handshake: Vec<Step>,
    /// Content type of the posts.
    #[serde(default = "text_plain")]
    pub content_type: String,
}

/// How to follow an event stream.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// The address.
    pub url: Template,
    /// The address once there is a cursor, if it differs.
    pub next_url: Option<Template>,
    /// Headers of every request.
    #[serde(default = "accept_events")]
    pub headers: Headers,
    /// Headers once there is a cursor; `{cursor.id}` is the last `id`.
    #[serde(default = "last_event_id")]
    pub next_headers: Headers,
    /// Only events of this name; without it, only events that have no name.
    pub event: Option<String>,
    /// Where the payload is in an event's data.
    #[serde(default)]
    pub message: Message,
}

/// How to follow a WebSocket.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Socket {
    /// The address.
    pub url: Template,
    /// The address once there is a cursor, if it differs.
    pub next_url: Option<Template>,
    /// Headers of the opening request.
    #[serde(default)]
    pub headers: Headers,
    /// Its subprotocol.
    pub subprotocol: Option<String>,
    /// Messages exchanged before the stream starts.
    #[serde(default)]
    pub handshake: Vec<Step>,
    /// Replies to messages that are exactly these.
    #[serde(default)]
    pub replies: BTreeMap<String, String>,
    /// The parts of the cursor, and where each is in a message.
    #[serde(default)]
    pub cursor: BTreeMap<String, CursorPart>,
    /// Where the payload is in a message.
    #[serde(default)]
    pub message: Message,
}

/// Headers of a request.
#[derive(Clone, Debug, Default)]
pub struct Headers(pub Vec<(HeaderName, Template)>);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = BTreeMap::<String, Template>::deserialize(deserializer)?;
        let named = |(name, value): (String, Template)| match HeaderName::try_from(&name) {
            Ok(name) => Ok((name, value)),
            Err(_) => Err(de::Error::custom(format!("`{name}` is not a valid header name"))),
        };
        map.into_iter().map(named).collect::<Result<_, _>>().map(Self)
    }
}

/// One step of a handshake.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Step {
    /// Wait for a message that starts with this.
    Expect(String),
    /// Send this.
    Send(Template),
}

/// Where the payload is in a message, and which messages have one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The text at the start; other messages are not part of the stream.
    #[serde(default)]
    pub prefix: String,
    /// The payload follows the first occurrence of this text.
    #[serde(default)]
    pub after: String,
    /// Values required at JSON paths; other messages are not part of the stream.
    #[serde(default)]
    pub when: BTreeMap<JsonPath, String>,
    /// JSON path of the payload.
    pub json: Option<JsonPath>,
}

/// Where a part of the cursor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CursorPart {
    /// The value of this header of the answer.
    Header(String),
    /// The value at this JSON path of the answer or message.
    Json(JsonPath),
    /// The rest of the line that starts with this text.
    Line(String),
}

impl<'de> Deserialize<'de> for CursorPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.split_once(':') {
            Some(("header", name)) if HeaderName::try_from(name.trim()).is_ok() => {
                Ok(Self::Header(name.trim().to_owned()))
            }
            Some(("json", path)) => path.trim().parse().map(Self::Json).map_err(de::Error::custom),
            Some(("line", begin)) if !begin.is_empty() => Ok(Self::Line(begin.to_owned())),
            _ => Err(de::Error::custom(format!(
                "`{text}` does not say where the cursor is; write header:NAME, json:PATH or line:BEGINNING"
            ))),
        }
    }
}

impl CursorPart {
    /// The value of this part in a text.
    pub fn of_text(&self, text: &str) -> Option<String> {
        match self {
            Self::Header(_) => None,
            Self::Json(path) => path.text(text).map(std::borrow::Cow::into_owned),
            Self::Line(begin) => {
                text.lines().find_map(|line| line.strip_prefix(begin.as_str())).map(|rest| rest.trim().to_owned())
            }
        }
    }
}

impl Message {
    /// The payload of a message, exactly as written; `None` if the message is not part of the stream.
    pub fn payload<'a>(&self, message: &'a str) -> Option<&'a str> {
        let mut text = message.strip_prefix(self.prefix.as_str())?;
        if !self.after.is_empty() {
            text = text.split_once(self.after.as_str())?.1;
        }
        let is_so = |(path, wanted): (&JsonPath, &String)| path.text(text).is_some_and(|found| found == *wanted);
        if !self.when.iter().all(is_so) {
            return None;
        }
        match &self.json {
            Some(path) => path.find(text),
            None => Some(text),
        }
    }
}

impl Description {
    /// The transports that it describes, in display order.
    pub fn transports(&self) -> Vec<Transport> {
        let has = |transport: &Transport| match transport {
            Transport::Polling => self.polling.is_some(),
            Transport::LongPolling => self.long_polling.is_some(),
            Transport::Sse => self.sse.is_some(),
            Transport::WebSocket => self.websocket.is_some(),
        };
        Transport::ALL.into_iter().filter(has).collect()
    }

    /// A problem of the file beyond its syntax, if there is one.
    pub fn problem(&self) -> Option<String> {
        if self.transports().is_empty() {
            return Some("it describes no transport; add [polling], [long_polling], [sse] or [websocket]".to_owned());
        }
        if let Some(Publish { http, websocket }) = &self.publish
            && http.is_some() == websocket.is_some()
        {
            return Some("[publish] needs exactly one of [publish.http] and [publish.websocket]".to_owned());
        }
        if self.publish.is_some() && self.timestamp.is_some() {
            return Some("`timestamp` is for servers that others publish to; leave it out, or [publish]".to_owned());
        }
        if self.start.as_ref().is_some_and(|start| start.command.is_empty()) {
            return Some("`command` of [start] is empty".to_owned());
        }
        None
    }
}

/// The environment variables that are required, and all that are named, in any text of a target file.
pub fn environment(file: &toml::Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut needed, mut named) = (BTreeSet::new(), BTreeSet::new());
    let mut left = vec![file];
    while let Some(value) = left.pop() {
        if let Some(text) = value.as_str()
            && let Ok(template) = text.parse::<Template>()
        {
            for (name, is_needed) in template.environment() {
                named.insert(name.to_owned());
                if is_needed {
                    needed.insert(name.to_owned());
                }
            }
        }
        left.extend(value.as_array().into_iter().flatten());
        left.extend(value.as_table().into_iter().flat_map(toml::map::Map::values));
    }
    (needed, named)
}

fn post() -> String {
    "POST".to_owned()
}

fn template(text: &str) -> Template {
    text.parse().expect("the built-in template is valid")
}

fn payload() -> Template {
    template("{payload}")
}

fn json_content() -> Headers {
    Headers(vec![(CONTENT_TYPE, template("application/json"))])
}

fn accept_events() -> Headers {
    Headers(vec![(ACCEPT, template("text/event-stream"))])
}

fn last_event_id() -> Headers {
    Headers(vec![(HeaderName::from_static("last-event-id"), template("{cursor.id}"))])
}

fn taken() -> Vec<u16> {
    vec![200, 201, 202, 204]
}

fn empty() -> Vec<u16> {
    vec![204, 304, 408]
}

fn text_plain() -> String {
    "text/plain;charset=UTF-8".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_of_a_message_is_found_and_other_messages_are_skipped() {
        let read = |text: &str| toml::from_str::<Message>(text).unwrap();
        let socketio = read("prefix = '42'\nwhen = { '$[0]' = 'update' }\njson = '$[1]'");
        assert_eq!(socketio.payload(r#"42["update",{"seq":1}]"#), Some(r#"{"seq":1}"#));
        assert_eq!(socketio.payload(r#"42["other",{"seq":1}]"#), None);
        assert_eq!(socketio.payload("2"), None);
        let nchan = read("after = \"\\n\\n\"");
        assert_eq!(nchan.payload("id: 17:0\ncontent-type: x\n\n{\"seq\":1}"), Some("{\"seq\":1}"));
        assert_eq!(Message::default().payload("anything"), Some("anything"));
    }

    #[test]
    fn a_part_of_the_cursor_is_found_in_a_header_in_json_or_in_a_line() {
        #[derive(Deserialize)]
        struct File {
            part: CursorPart,
        }
        let part = |text: &str| toml::from_str::<File>(&format!("part = '{text}'")).map(|file| file.part);
        assert_eq!(part("header:Etag").unwrap(), CursorPart::Header("Etag".to_owned()));
        assert_eq!(part("json:$.cursor").unwrap().of_text(r#"{"cursor":"a-1"}"#).as_deref(), Some("a-1"));
        assert_eq!(part("line:id: ").unwrap().of_text("x\nid: 17:0\n").as_deref(), Some("17:0"));
        for wrong in ["Etag", "header:a b", "json:a..b", "line:"] {
            assert!(part(wrong).is_err(), "{wrong}");
        }
    }
}
