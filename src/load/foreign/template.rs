//! Texts of a target file with placeholders: `{base}/poll?after={cursor.id}`, `Bearer ${TOKEN}`.
//!
//! Braces that do not contain a name, as in JSON, are plain text. `${NAME}` is read from the environment, and
//! `${NAME:-text}` has a default if the variable is not set. Secrets thus need not be in a file.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// A text with placeholders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(Placeholder),
    Environment { name: String, otherwise: Option<String> },
}

/// A placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Placeholder {
    Base,
    WsBase,
    Port,
    Dir,
    Work,
    Payload,
    Seq,
    Client,
    HttpDate,
    Session,
    Cursor(String),
}

const PLACEHOLDERS: &str =
    "{base}, {ws}, {port}, {dir}, {work}, {payload}, {seq}, {client}, {http_date}, {session}, {cursor.NAME}";

/// A text that is not a valid template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A placeholder of this name does not exist.
    #[error("there is no placeholder {{{0}}}; use {PLACEHOLDERS}, or ${{NAME}} from the environment")]
    UnknownPlaceholder(String),
    /// `${` without `}`.
    #[error("`${{` is not closed; write ${{NAME}}, or ${{NAME:-text}} for a default")]
    Unclosed,
}

/// The values of the placeholders.
#[derive(Clone, Debug, Default)]
pub struct Values<'a> {
    /// The server's address: `http://127.0.0.1:8080`, without a trailing slash.
    pub base: &'a str,
    /// Its port.
    pub port: u16,
    /// The folder of the target file.
    pub dir: &'a str,
    /// The server's own folder.
    pub work: &'a str,
    /// The payload to publish.
    pub payload: &'a str,
    /// Its sequence number.
    pub seq: u64,
    /// The client's number.
    pub client: u32,
    /// The session's name.
    pub session: &'a str,
    /// The parts of the cursor.
    pub cursor: Option<&'a BTreeMap<String, String>>,
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['$', '{']) {
            plain.push_str(&rest[..at]);
            rest = &rest[at..];
            let part = if let Some(after) = rest.strip_prefix("${") {
                let (inside, after) = after.split_once('}').ok_or(TemplateError::Unclosed)?;
                rest = after;
                let (name, otherwise) = match inside.split_once(":-") {
                    Some((name, otherwise)) => (name, Some(otherwise.to_owned())),
                    None => (inside, None),
                };
                Part::Environment { name: name.to_owned(), otherwise }
            } else if let Some((name, after)) = placeholder(rest) {
                rest = after;
                Part::Placeholder(
                    Placeholder::from_name(name).ok_or_else(|| TemplateError::UnknownPlaceholder(name.to_owned()))?,
                )
            } else {
                plain.push_str(&rest[..1]);
                rest = &rest[1..];
                continue;
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(part);
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }
}

/// A name in braces at the start of a text, and the text after it. In JSON a quotation mark follows the brace.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix('{')?.split_once('}')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '.');
    is_name.then_some((name, after))
}

impl Placeholder {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "base" => Self::Base,
            "ws" => Self::WsBase,
            "port" => Self::Port,
            "dir" => Self::Dir,
            "work" => Self::Work,
            "payload" => Self::Payload,
            "seq" => Self::Seq,
            "client" => Self::Client,
            "http_date" => Self::HttpDate,
            "session" => Self::Session,
            _ => Self::Cursor(name.strip_prefix("cursor.").filter(|name| !name.is_empty())?.to_owned()),
        })
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Template {
    /// The text with all placeholders filled in; a value that does not exist yet is empty.
    pub fn fill(&self, values: &Values<'_>) -> String {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Environment { name, otherwise } => {
                    let set = std::env::var(name).ok();
                    filled.push_str(set.as_deref().or(otherwise.as_deref()).unwrap_or_default());
                }
                Part::Placeholder(placeholder) => match placeholder {
                    Placeholder::Base => filled.push_str(values.base),
                    Placeholder::WsBase => {
                        filled.push_str("ws");
                        filled.push_str(values.base.strip_prefix("http").unwrap_or(values.base));
                    }
                    Placeholder::Port => filled.push_str(&values.port.to_string()),
                    Placeholder::Dir => filled.push_str(values.dir),
                    Placeholder::Work => filled.push_str(values.work),
                    Placeholder::Payload => filled.push_str(values.payload),
                    Placeholder::Seq => filled.push_str(&values.seq.to_string()),
                    Placeholder::Client => filled.push_str(&values.client.to_string()),
                    Placeholder::HttpDate => filled.push_str(&http_date()),
                    Placeholder::Session => filled.push_str(values.session),
                    Placeholder::Cursor(name) => {
                        let cursor = values.cursor.and_then(|cursor| cursor.get(name));
                        filled.push_str(cursor.map_or("", String::as_str));
                    }
                },
            }
        }
        filled
    }

    /// Does it contain a placeholder that is known only once the server has a folder and a port?
    pub fn needs_start(&self) -> bool {
        self.0.iter().any(|part| {
            matches!(
                part,
                Part::Placeholder(Placeholder::Base | Placeholder::WsBase | Placeholder::Port | Placeholder::Work)
            )
        })
    }

    /// The environment variables that it names, each with whether it is required.
    pub fn environment(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0.iter().filter_map(|part| match part {
            Part::Environment { name, otherwise } => Some((name.as_str(), otherwise.is_none())),
            Part::Text(_) | Part::Placeholder(_) => None,
        })
    }
}

/// The current time in the format of HTTP (RFC 9110 section 5.6.7).
fn http_date() -> String {
    jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str, values: &Values<'_>) -> String {
        text.parse::<Template>().unwrap().fill(values)
    }

    #[test]
    fn placeholders_are_filled_and_the_braces_of_json_are_text() {
        let cursor = BTreeMap::from([("etag".to_owned(), "7".to_owned())]);
        let values = Values { base: "http://h:1", payload: r#"{"n":1}"#, cursor: Some(&cursor), ..Values::default() };
        assert_eq!(fill("{base}/p?a={cursor.etag}&b={cursor.no}", &values), "http://h:1/p?a=7&b=");
        assert_eq!(fill(r#"{"event":"x","data":{payload}}"#, &values), r#"{"event":"x","data":{"n":1}}"#);
        assert_eq!(fill("{ws}/s", &values), "ws://h:1/s");
        let secure = Values { base: "https://h", ..Values::default() };
        assert_eq!(fill("{ws}/s", &secure), "wss://h/s");
        assert_eq!(fill("$5 {} {{x", &values), "$5 {} {{x");
        assert!(fill("{http_date}", &values).ends_with(" GMT"));
    }

    #[test]
    fn environment_variables_are_filled_in_and_an_unset_one_gets_its_default() {
        let template: Template = "Bearer ${PATH}${NOT_SET_ANYWHERE:-none}".parse().unwrap();
        let path = std::env::var("PATH").unwrap();
        assert_eq!(template.fill(&Values::default()), format!("Bearer {path}none"));
        assert_eq!(template.environment().collect::<Vec<_>>(), [("PATH", true), ("NOT_SET_ANYWHERE", false)]);
    }

    #[test]
    fn an_unknown_placeholder_is_refused() {
        assert_eq!("{bse}".parse::<Template>(), Err(TemplateError::UnknownPlaceholder("bse".to_owned())));
        assert_eq!("${TOKEN".parse::<Template>(), Err(TemplateError::Unclosed));
        assert!("{cursor.}".parse::<Template>().is_err());
    }
}
