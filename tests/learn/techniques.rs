//! The example code of the four techniques (`docs/learn/code`): each client reads from each server, whatever their
//! languages, and the page docs/learn/code.md shows the code that is tested.

use std::ffi::OsString;

use pushpull::learn::Language;
use pushpull::learn::program::{Input, OutputLine, Program};

use crate::common::docs::assert_generated;
use crate::languages::run_file;
use crate::repository;

/// The techniques in the order of the page: file name and title.
pub const TECHNIQUES: [(&str, &str); 4] = [
    ("polling", "Polling"),
    ("long-polling", "Long polling"),
    ("sse", "Server-Sent Events"),
    ("websocket", "WebSocket"),
];
/// Updates that a client must receive: enough to show that the stream goes on.
const UPDATES: u64 = 6;
/// The maximum length of a file: the page is for reading.
const LINES_MAX: usize = 45;

fn text(technique: &str, half: &str, language: Language) -> String {
    let file = repository().join(format!("docs/learn/code/{technique}-{half}.{}", language.ending()));
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn start(technique: &str, half: &str, language: Language, argument: Option<String>) -> Program {
    let name = format!("{technique}-{half}");
    let mut words = run_file(language, &format!("four/{name}"), &name, &text(technique, half, language));
    words.extend(argument.map(OsString::from));
    Program::start(&words, &[], Input::Closed).unwrap()
}

/// A client in one language reads from a server in another.
pub async fn a_client_reads_each_update_once(technique: &str, server: Language, client: Language) {
    let talk = async {
        let mut server = start(technique, "server", server, None);
        let OutputLine::Text(line) = server.next().await else { panic!("no port: {}", server.errors()) };
        let port = serde_json::from_str::<serde_json::Value>(&line).unwrap()["port"].as_u64().unwrap();
        let mut client = start(technique, "client", client, Some(format!("http://127.0.0.1:{port}")));
        for seq in 1..=UPDATES {
            let OutputLine::Text(line) = client.next().await else {
                panic!("it ended before {seq}: {}", client.errors())
            };
            assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap()["seq"], seq, "{line}");
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), talk).await.expect("the client finishes within a minute");
}

/// Generates the page.
pub async fn the_page_shows_the_code_that_is_tested() {
    let mut page = String::new();
    for (technique, title) in TECHNIQUES {
        page += &format!("## {title}\n\n");
        for half in ["server", "client"] {
            page += "<table>\n<tr><th>Python</th><th>JavaScript</th><th>Rust</th></tr>\n<tr>\n";
            for language in Language::ALL {
                let code = text(technique, half, language);
                let lines = code.lines().count();
                assert!(lines <= LINES_MAX, "{technique}-{half} has {lines} lines in {}", language.label());
                page += &format!("<td>\n\n```{}\n{code}```\n\n</td>\n", language.label());
            }
            page += "</tr>\n</table>\n\n";
        }
    }
    assert_generated("docs/learn/code.md", "code", &page);
}
