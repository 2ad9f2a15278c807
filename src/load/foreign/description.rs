//! A target file: how to start a server that is not ours, how to publish there, and how to subscribe over each transport
//! that it has. `targets/README.md` is its manual. One type for each table of
//! such a file, all in one place, since they are read together.
//!
//! Over 400 lines: a target file is one format, and this is its reader.

use std::collections::{BTreeMap, BTreeSet};

use http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use serde::{Deserialize, Deserializer, de};

use super::json_path::JsonPath;
use super::template::Template;
use crate::run::Transport;

/// A target file, as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// What it is, in one sentence.
    pub about: String,
    /// Why it was never tried where it was written; absent of one that was.
    pub untried: Option<String>,
    /// Where the server is, as in `http://127.0.0.1:{port}`.
    pub base: Template,
    /// How to start it; absent of a server that is there already.
    pub start: Option<Start>,
    /// A file with the number of its process, of a server that is there already.
    pub pid_file: Option<Template>,
    /// How to publish; absent where others do.
    pub publish: Option<Publish>,
    /// Where in a message the time stands at which it was sent, where others publish.
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
    /// Variables of its environment.
    #[serde(default)]
    pub env: BTreeMap<String, Template>,
    /// Files that it needs: the name that each gets in `{work}`, and the file beside the target file that it is a copy of.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// The same, with `{port}` and other places in them filled in.
    #[serde(default)]
    pub fill: BTreeMap<String, String>,
    /// An address that answers once it is ready; otherwise it is ready when its port takes a connection.
    pub ready: Option<Template>,
    /// How to get the program, for whoever does not have it.
    #[serde(default)]
    pub install: String,
}

/// How to publish: by a request, or by a message over a WebSocket.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// By a request for each update.
    pub http: Option<PublishHttp>,
    /// By a message for each update.
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
    /// Statuses that mean that it was taken.
    #[serde(default = "taken")]
    pub ok: Vec<u16>,
}

/// A WebSocket on which to publish.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishSocket {
    /// Its address.
    pub url: Template,
    /// Headers of its request.
    #[serde(default)]
    pub headers: Headers,
    /// Its subprotocol.
    pub subprotocol: Option<String>,
    /// What is said before anything is published.
    #[serde(default)]
    pub handshake: Vec<Step>,
    /// What to answer to messages that are exactly these.
    #[serde(default)]
    pub replies: BTreeMap<String, String>,
    /// The message.
    #[serde(default = "payload")]
    pub message: Template,
}

/// How to poll.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Polls {
    /// The address.
    pub url: Template,
    /// The address once there is a cursor, where it is another.
    pub next_url: Option<Template>,
    /// Headers of every request.
    #[serde(default)]
    pub headers: Headers,
    /// Headers while there is no cursor.
    #[serde(default)]
    pub first_headers: Headers,
    /// Headers once there is one.
    #[serde(default)]
    pub next_headers: Headers,
    /// The parts of the cursor, and where each stands in an answer.
    #[serde(default)]
    pub cursor: BTreeMap<String, CursorPart>,
    /// Statuses that mean that there is nothing new.
    #[serde(default = "empty")]
    pub none: Vec<u16>,
    /// Where in an answer the list of messages stands; without it an answer is one message.
    pub each: Option<JsonPath>,
    /// What stands between the messages of an answer.
    pub separator: Option<String>,
    /// Ask again at once, until nothing is new: an answer has one message of several.
    #[serde(default)]
    pub drain: bool,
    /// A session that is opened before anything is asked.
    pub session: Option<Session>,
    /// What to post in answer to messages that are exactly these.
    #[serde(default)]
    pub replies: BTreeMap<String, String>,
    /// Where in a message the payload stands.
    #[serde(default)]
    pub message: Message,
}

/// A session over polls, as engine.io has.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The address that opens it.
    pub url: Template,
    /// What stands before the JSON of its answer.
    #[serde(default)]
    pub prefix: String,
    /// Where its name stands in that.
    pub id: JsonPath,
    /// What is posted and waited for then.
    #[serde(default)]
    pub handshake: Vec<Step>,
    /// The type of what is posted.
    #[serde(default = "text_plain")]
    pub content_type: String,
}

/// How to follow an event stream.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// The address.
    pub url: Template,
    /// The address once there is a cursor, where it is another.
    pub next_url: Option<Template>,
    /// Headers of every request.
    #[serde(default = "accept_events")]
    pub headers: Headers,
    /// Headers once there is a cursor; `{cursor.id}` is the last `id`.
    #[serde(default = "last_event_id")]
    pub next_headers: Headers,
    /// Only events of this name; otherwise those without one.
    pub event: Option<String>,
    /// Where in an event's data the payload stands.
    #[serde(default)]
    pub message: Message,
}

/// How to follow a WebSocket.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Socket {
    /// The address.
    pub url: Template,
    /// The address once there is a cursor, where it is another.
    pub next_url: Option<Template>,
    /// Headers of its request.
    #[serde(default)]
    pub headers: Headers,
    /// Its subprotocol.
    pub subprotocol: Option<String>,
    /// What is said before messages come.
    #[serde(default)]
    pub handshake: Vec<Step>,
    /// What to answer to messages that are exactly these.
    #[serde(default)]
    pub replies: BTreeMap<String, String>,
    /// The parts of the cursor, and where each stands in a message.
    #[serde(default)]
    pub cursor: BTreeMap<String, CursorPart>,
    /// Where in a message the payload stands.
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
            Err(_) => Err(de::Error::custom(format!("`{name}` is no name of a header"))),
        };
        map.into_iter().map(named).collect::<Result<_, _>>().map(Self)
    }
}

/// One step of a handshake.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Step {
    /// Wait for a message that begins like this.
    Expect(String),
    /// Send this.
    Send(Template),
}

/// Where in a message the payload stands, and which messages have one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// What it begins with; a message that does not is none of the stream.
    #[serde(default)]
    pub prefix: String,
    /// It stands behind the first place where this stands.
    #[serde(default)]
    pub after: String,
    /// What must stand where in the JSON; a message in which it does not is none of the stream.
    #[serde(default)]
    pub when: BTreeMap<JsonPath, String>,
    /// Where in the JSON it stands.
    pub json: Option<JsonPath>,
}

/// Where a part of the cursor stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CursorPart {
    /// In this header of the answer.
    Header(String),
    /// There in the JSON of the answer or the message.
    Json(JsonPath),
    /// In the line that begins like this, behind that.
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
                "`{text}` does not say where the cursor stands; write header:NAME, json:PATH or line:BEGINNING"
            ))),
        }
    }
}

impl CursorPart {
    /// What stands there in a text.
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
    /// The payload of a message, as it is written; `None` of a message that is none of the stream.
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
    /// The transports that it describes, in the order in which they are shown.
    pub fn transports(&self) -> Vec<Transport> {
        let has = |transport: &Transport| match transport {
            Transport::Polling => self.polling.is_some(),
            Transport::LongPolling => self.long_polling.is_some(),
            Transport::Sse => self.sse.is_some(),
            Transport::WebSocket => self.websocket.is_some(),
        };
        Transport::ALL.into_iter().filter(has).collect()
    }

    /// What is wrong with it beyond its form.
    pub fn problem(&self) -> Option<String> {
        if self.transports().is_empty() {
            return Some("it describes no transport; add [polling], [long_polling], [sse] or [websocket]".to_owned());
        }
        if let Some(Publish { http, websocket }) = &self.publish
            && http.is_some() == websocket.is_some()
        {
            return Some("[publish] takes one of [publish.http] and [publish.websocket]".to_owned());
        }
        if self.publish.is_some() && self.timestamp.is_some() {
            return Some("`timestamp` is for messages of others; leave it out beside [publish]".to_owned());
        }
        if self.start.as_ref().is_some_and(|start| start.command.is_empty()) {
            return Some("`command` of [start] is empty".to_owned());
        }
        None
    }
}

/// The variables of the environment that are needed, and those that are named at all, in any text of a target file.
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
    text.parse().expect("a template of ours is one")
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
    fn the_payload_of_a_message_is_found_and_other_messages_are_passed_over() {
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
