//! A path to a value in a JSON text: `$.data.items[0].ts`, or without `$.`; `$` alone is the whole text.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

/// A path into a JSON text.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct JsonPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Member(String),
    Element(usize),
}

/// A text that is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a path into JSON; write it as in $.data.items[0].ts")]
pub struct NotAPath(String);

impl FromStr for JsonPath {
    type Err = NotAPath;

    fn from_str(text: &str) -> Result<Self, NotAPath> {
        let refuse = || NotAPath(text.to_owned());
        let mut steps = Vec::new();
        let mut rest = text.strip_prefix('$').unwrap_or(text);
        let mut is_first = !text.starts_with('$');
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[') {
                let (index, after) = after.split_once(']').ok_or_else(refuse)?;
                steps.push(Step::Element(index.parse().map_err(|_| refuse())?));
                rest = after;
            } else {
                let after = match rest.strip_prefix('.') {
                    Some(after) => after,
                    None if is_first => rest,
                    None => return Err(refuse()),
                };
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let name = &after[..end];
                if name.is_empty() {
                    return Err(refuse());
                }
                steps.push(Step::Member(name.to_owned()));
                rest = &after[end..];
            }
            is_first = false;
        }
        if steps.is_empty() && text != "$" {
            return Err(refuse());
        }
        Ok(Self(steps))
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        self.0.iter().try_for_each(|step| match step {
            Step::Member(name) => write!(f, ".{name}"),
            Step::Element(index) => write!(f, "[{index}]"),
        })
    }
}

impl<'de> Deserialize<'de> for JsonPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonPath {
    /// Prepends a member to the path.
    pub fn member(mut self, name: &str) -> Self {
        self.0.push(Step::Member(name.to_owned()));
        self
    }

    /// Prepends an element to the path.
    pub fn element(mut self, index: usize) -> Self {
        self.0.push(Step::Element(index));
        self
    }

    /// The value at this path, exactly as written; `None` if the text is not JSON or has no such value.
    pub fn find<'a>(&self, json: &'a str) -> Option<&'a str> {
        let mut at = json.trim();
        if self.0.is_empty() {
            return serde_json::from_str::<&RawValue>(at).ok().map(RawValue::get);
        }
        for step in &self.0 {
            let mut reader = serde_json::Deserializer::from_str(at);
            at = Down(step).deserialize(&mut reader).ok()??.get();
        }
        Some(at)
    }

    /// The value at this path as a text: the content of a JSON string, otherwise exactly as written.
    pub fn text<'a>(&self, json: &'a str) -> Option<Cow<'a, str>> {
        self.find(json).map(unquoted)
    }
}

/// The content of a JSON string; any other value exactly as written.
pub fn unquoted(json: &str) -> Cow<'_, str> {
    if !json.starts_with('"') {
        return Cow::Borrowed(json);
    }
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Text<'_>>(json).map_or(Cow::Borrowed(json), |Text(text)| text)
}

/// Descends one step; everything else is skipped.
struct Down<'s>(&'s Step);

impl<'de> DeserializeSeed<'de> for Down<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.0 {
            Step::Member(_) => deserializer.deserialize_map(self),
            Step::Element(_) => deserializer.deserialize_seq(self),
        }
    }
}

impl<'de> Visitor<'de> for Down<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match self.0 {
                Step::Member(name) if *name == key.0 => found = Some(map.next_value::<&RawValue>()?),
                Step::Member(_) | Step::Element(_) => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut at) = (None, 0);
        while let Some(element) = sequence.next_element::<&RawValue>()? {
            if *self.0 == Step::Element(at) {
                found = Some(element);
            }
            at += 1;
        }
        Ok(found)
    }
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_value_exactly_as_written() {
        let json = r#"{"a":{"b":[1, {"c":"x\n"}, 2.50]},"d":null}"#;
        for (path, found) in [
            ("$.a.b[0]", Some("1")),
            ("a.b[1].c", Some(r#""x\n""#)),
            ("a.b[2]", Some("2.50")),
            ("d", Some("null")),
            ("$", Some(json)),
            ("a.c", None),
            ("a.b[9]", None),
            ("a[0]", None),
        ] {
            assert_eq!(path.parse::<JsonPath>().unwrap().find(json), found, "{path}");
        }
        assert_eq!("a.b[1].c".parse::<JsonPath>().unwrap().text(json).as_deref(), Some("x\n"));
        assert_eq!("[1]".parse::<JsonPath>().unwrap().find(r#"["update",{"n":1}]"#), Some(r#"{"n":1}"#));
        assert_eq!("a".parse::<JsonPath>().unwrap().find("no JSON"), None);
    }

    #[test]
    fn a_malformed_path_is_refused() {
        for text in ["", "a..b", "a[", "a[x]", "$a", "a.", "a[0]b"] {
            assert!(text.parse::<JsonPath>().is_err(), "{text}");
        }
        assert_eq!("a.b[1]".parse::<JsonPath>().unwrap().to_string(), "$.a.b[1]");
    }
}
