//! Renders the lessons of `docs/learn` to pages: for `build.rs`, and for the tests that read the same blocks.
//!
//! A lesson is Markdown that is readable as it is. The parts that are interactive on the page are marked by comments,
//! which Markdown does not render:
//!
//! | in the file | on the page |
//! |---|---|
//! | `<!-- lab: ID -->` … `<!-- /lab -->` | a picture, a question in a quotation, the recorded figures: becomes a live instrument |
//! | `<!-- check: ID -->` … `<!-- /check -->` | a question and a task list, the right option ticked, each with its reason: becomes options to choose |
//! | `<!-- code: ID -->`, `<!-- discuss: ID -->`, `<!-- saw: ID -->` … `<!-- /… -->` | a question to answer in the reader's own words: gets a text field |
//! | `<!-- notes` … `-->` | nothing: it is on the instructor's page |
//! | `<!--=lab.member-->75 %<!--/-->` | `75 %`, a figure that a test wrote there |

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// The kinds of blocks, as their markers name them.
pub const KINDS: [&str; 5] = ["lab", "check", "code", "discuss", "saw"];

/// One Markdown file.
pub struct Document {
    /// Its front matter: the lines between the two `---` at the beginning.
    pub front: BTreeMap<String, String>,
    pub parts: Vec<Part>,
}

/// A part of a file.
#[derive(Debug, PartialEq)]
pub enum Part {
    Text(String),
    Block { kind: &'static str, id: String, text: String },
    Notes(String),
}

/// Splits a file into its parts.
///
/// Errors: the line of a block that is nested, or closed without having been opened; or the last block is not closed.
pub fn parse(source: &str) -> Result<Document, String> {
    let (front, body) = match source.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")) {
        Some((front, body)) => (front, body),
        None => ("", source),
    };
    let front = front
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .collect();
    let mut parts = vec![Part::Text(String::new())];
    let mut is_open = false;
    for (number, line) in body.lines().enumerate() {
        let marker = line.trim();
        let inside = marker.strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->")).map(str::trim);
        let begins = inside.and_then(|inside| inside.split_once(": ")).and_then(|(kind, id)| Some((known(kind)?, id)));
        let ends = inside.and_then(|inside| inside.strip_prefix('/')).filter(|kind| known(kind).is_some());
        let wrong = |what: &str| Err(format!("line {} of the body: {what}: {line}", number + 1));
        if let Some((kind, id)) = begins {
            if is_open {
                return wrong("a block inside a block");
            }
            is_open = true;
            parts.push(Part::Block { kind, id: id.to_owned(), text: String::new() });
        } else if let Some(kind) = ends {
            match parts.last() {
                Some(Part::Block { kind: opened, .. }) if is_open && *opened == kind => {}
                _ => return wrong("it closes what is not open"),
            }
            is_open = false;
            parts.push(Part::Text(String::new()));
        } else if marker == "<!-- notes" && !is_open {
            is_open = true;
            parts.push(Part::Notes(String::new()));
        } else if marker == "-->" && matches!(parts.last(), Some(Part::Notes(_))) {
            is_open = false;
            parts.push(Part::Text(String::new()));
        } else if let Some(Part::Text(text) | Part::Block { text, .. } | Part::Notes(text)) = parts.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    if is_open {
        return Err("the last block is not closed".to_owned());
    }
    parts.retain(|part| !matches!(part, Part::Text(text) if text.trim().is_empty()));
    Ok(Document { front, parts })
}

fn known(kind: &str) -> Option<&'static str> {
    KINDS.into_iter().find(|one| *one == kind)
}

/// A page's content for readers: everything except the notes.
pub fn page(document: &Document, words: &Words) -> String {
    let mut out = String::new();
    for part in &document.parts {
        match part {
            Part::Text(text) => out.push_str(&markdown(text)),
            Part::Block { kind, id, text } => {
                let inside = match *kind {
                    "lab" => lab(text, words),
                    "check" => check(text, words),
                    _ => markdown(text),
                };
                writeln!(out, "<section class=\"{kind}\" id=\"{kind}-{id}\" data-{kind}=\"{id}\">\n{inside}</section>")
                    .expect("writing to a String does not fail");
            }
            Part::Notes(_) => {}
        }
    }
    out
}

/// Only the notes, for the teacher.
pub fn notes(document: &Document) -> String {
    document
        .parts
        .iter()
        .map(|part| if let Part::Notes(text) = part { markdown(text) } else { String::new() })
        .collect()
}

/// The renderer's own words, in the page's language.
pub struct Words {
    pub answers: &'static str,
    pub recorded: &'static str,
}

/// The picture and the question of a lab. The recorded figures would give the answer away, so they are folded.
fn lab(text: &str, words: &Words) -> String {
    let (shown, recorded) = match text.split_once("<!-- generated:") {
        Some((shown, rest)) => (shown, rest.split_once("-->").map_or("", |(_, rest)| rest)),
        None => (text, ""),
    };
    let recorded = recorded.split("<!-- end:").next().unwrap_or_default();
    let shown = markdown(shown);
    if recorded.trim().is_empty() {
        return shown;
    }
    format!(
        "{shown}<details class=\"recorded\"><summary>{}</summary>\n{}</details>\n",
        words.recorded,
        markdown(recorded)
    )
}

/// A question with its options in a list. Which option is right, and why, is folded.
fn check(text: &str, words: &Words) -> String {
    let is_option = |line: &str| line.starts_with("- [ ]") || line.starts_with("- [x]");
    let asked: String = text.lines().take_while(|line| !is_option(line)).map(|line| format!("{line}\n")).collect();
    let mut options: Vec<(bool, String)> = Vec::new();
    for line in text.lines().skip_while(|line| !is_option(line)) {
        match line.split_at_checked(5) {
            Some((head, rest)) if is_option(head) => options.push((head == "- [x]", rest.trim().to_owned())),
            _ => {
                if let Some((_, option)) = options.last_mut() {
                    option.push(' ');
                    option.push_str(line.trim());
                }
            }
        }
    }
    let mut list = String::new();
    let mut answers = String::new();
    for (is_right, option) in &options {
        // The option is in bold; its reason follows.
        let (choice, why) = option.strip_prefix("**").and_then(|rest| rest.split_once("**")).unwrap_or((option, ""));
        let (choice, why) = (inline(choice), inline(why.trim()));
        let _ = writeln!(list, "<li>{choice}</li>");
        let _ = writeln!(answers, "<li data-right=\"{is_right}\"><b>{choice}</b> <span>{why}</span></li>");
    }
    format!(
        "{}<ol class=\"options\">\n{list}</ol>\n<details class=\"answers\"><summary>{}</summary>\n<ol>\n{answers}</ol></details>\n",
        markdown(&asked),
        words.answers
    )
}

/// Markdown of one line, without the paragraph around it.
fn inline(text: &str) -> String {
    let html = markdown(text);
    html.trim().strip_prefix("<p>").and_then(|rest| rest.strip_suffix("</p>")).unwrap_or(html.trim()).to_owned()
}

/// Markdown with tables. Links between lessons lose their `.md`; links to files that are not served become plain text.
fn markdown(text: &str) -> String {
    let text = without_figure_marks(text);
    let parser = Parser::new_ext(&text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    let mut is_dropped = false;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library's own list, of which links and images are changed")]
    let events = parser.filter_map(move |event| match event {
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => match address(&dest_url) {
            Some(dest_url) => Some(Event::Start(Tag::Link { link_type, dest_url, title, id })),
            None => {
                is_dropped = true;
                None
            }
        },
        Event::End(TagEnd::Link) if is_dropped => {
            is_dropped = false;
            None
        }
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            let file = dest_url.rsplit('/').next().unwrap_or_default().to_owned();
            let dest_url = CowStr::from(format!("/learn/pictures/{file}"));
            Some(Event::Start(Tag::Image { link_type, dest_url, title, id }))
        }
        event => Some(event),
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    // A wide table scrolls by itself, so that a phone's page does not.
    out.replace("<table>", "<div class=\"wide\"><table>").replace("</table>", "</table></div>")
}

/// Pages that exist only in English, as the pages of another language link to them.
const ENGLISH_ALONE: [&str; 4] = ["../code.md", "../exercises.md", "../glossary.md", "../handout.md"];

/// The address of a link on the server; `None` if its file is not served.
fn address(link: &str) -> Option<CowStr<'static>> {
    if ENGLISH_ALONE.contains(&link) {
        return Some(CowStr::from(link.replace("../", "/learn/en/").replace(".md", "")));
    }
    if link.starts_with("https://") || link.starts_with("http://") || link.starts_with('#') || link.starts_with('/') {
        return Some(CowStr::from(link.to_owned()));
    }
    let (file, anchor) =
        link.split_once('#').map_or((link, String::new()), |(file, anchor)| (file, format!("#{anchor}")));
    let name = file.strip_suffix(".md").filter(|name| !name.contains('/'))?;
    let name = if name == "README" { "index" } else { name };
    Some(CowStr::from(format!("{name}{anchor}")))
}

/// A text without the comments around figures. A line that begins with one would be raw HTML.
pub fn without_figure_marks(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--=") {
        out.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out.replace("<!--/-->", "")
}

/// The marked figures in a text: name and value.
#[allow(dead_code, reason = "for the tests, which share this file with build.rs")]
pub fn figures(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for piece in text.split("<!--=").skip(1) {
        if let Some((name, rest)) = piece.split_once("-->") {
            let shown = rest.split_once("<!--/-->").map_or("", |(shown, _)| shown);
            found.push((name.to_owned(), shown.to_owned()));
        }
    }
    found
}
