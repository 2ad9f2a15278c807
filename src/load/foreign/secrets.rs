//! What the environment has filled into a target file, taken out again of what is printed or kept: a server that refuses may
//! send back what it was asked, with the token in it.

use std::cmp::Reverse;

use crate::limits;

/// Variables of the environment, each with what stands in it. Not to be printed.
#[derive(Default)]
pub struct Secrets(Vec<(String, String)>);

impl Secrets {
    /// Those of these names that are set. What is shorter than [`limits::SECRET_BYTES_MIN`] would be found everywhere.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let set = names.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
        let mut all: Vec<(String, String)> = set.filter(|(_, value)| value.len() >= limits::SECRET_BYTES_MIN).collect();
        // One may be a part of another.
        all.sort_by_key(|(_, value)| Reverse(value.len()));
        Self(all)
    }

    /// Does one stand in a text?
    pub fn are_in(&self, text: &str) -> bool {
        self.0.iter().any(|(_, value)| text.contains(value.as_str()))
    }

    /// A text with `${NAME}` in the place of each.
    pub fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for (name, value) in &self.0 {
            masked = masked.replace(value.as_str(), &format!("${{{name}}}"));
        }
        masked
    }
}

/// An address as it may be printed: without its query, where tokens stand, and without a name and a password.
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
    fn a_value_of_the_environment_is_replaced_by_its_name_and_one_that_is_too_short_is_not() {
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
