//! Masks values from the environment in everything that is printed or kept: a server that refuses a request may send
//! it back, with the token in it.

use std::cmp::Reverse;

use crate::limits;

/// Environment variables with their values. Must not be printed.
#[derive(Default)]
pub struct Secrets(Vec<(String, String)>);

impl Secrets {
    /// The variables of these names that are set. Values shorter than [`limits::SECRET_BYTES_MIN`] are left out, since
    /// they would match everywhere.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let set = names.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
        let mut all: Vec<(String, String)> = set.filter(|(_, value)| value.len() >= limits::SECRET_BYTES_MIN).collect();
        // Longest first, since one value may contain another.
        all.sort_by_key(|(_, value)| Reverse(value.len()));
        Self(all)
    }

    /// Does the text contain one of the values?
    pub fn are_in(&self, text: &str) -> bool {
        self.0.iter().any(|(_, value)| text.contains(value.as_str()))
    }

    /// The text with `${NAME}` in place of each value.
    pub fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for (name, value) in &self.0 {
            masked = masked.replace(value.as_str(), &format!("${{{name}}}"));
        }
        masked
    }
}

/// An address as it may be printed: without its query, which may contain tokens, and without user name and password.
pub fn shown(url: &str) -> String {
    let address = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_from_the_environment_is_replaced_by_its_name_unless_it_is_too_short() {
        let secrets =
            Secrets(vec![("LONG".to_owned(), "swordfish-7".to_owned()), ("SHORT".to_owned(), "swordfish".to_owned())]);
        let said = "401: /events?token=swordfish-7&other=swordfish";
        assert_eq!(secrets.mask(said), "401: /events?token=${LONG}&other=${SHORT}");
        assert!(secrets.are_in(said) && !secrets.are_in("401: /events"));
        let path = std::env::var("PATH").unwrap();
        let read = Secrets::of(["NOT_SET_ANYWHERE", "PATH"].into_iter());
        assert_eq!(read.mask(&format!("<{path}>")), "<${PATH}>");
        assert_eq!(Secrets::of(std::iter::empty()).mask("as it is"), "as it is");
    }

    #[test]
    fn an_address_is_shown_without_query_name_and_password() {
        for (url, said) in [
            ("http://h:1/a?token=b", "http://h:1/a"),
            ("ws://me:secret@h/s#t", "ws://h/s"),
            ("http://h?token=b@c", "http://h"),
            ("http://h/a@b", "http://h/a@b"),
            ("no address?token=b", "no address"),
        ] {
            assert_eq!(shown(url), said, "{url}");
        }
    }
}
