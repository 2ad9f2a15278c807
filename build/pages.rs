//! Writes the pages of `docs/learn` as HTML, and the table of them that `src/http/learn.rs` serves.

use std::fs;
use std::path::Path;

use crate::lessons::{self, Words};

/// A language of the lessons.
struct Language {
    name: &'static str,
    /// Its folder below `docs/learn`.
    folder: &'static str,
    words: Words,
    /// The placeholders of the page's frame, and their texts.
    texts: [(&'static str, &'static str); 6],
}

const LANGUAGES: [Language; 2] = [
    Language {
        name: "en",
        folder: "",
        words: Words { answers: "Answers", recorded: "Recorded result" },
        texts: [
            ("{{home}}", "The four ways, live"),
            ("{{contents}}", "Lessons"),
            ("{{other}}", "中文"),
            ("{{hand-in}}", "Hand in"),
            ("{{noscript}}", "Without JavaScript this page shows recorded figures; with it, the pictures are live."),
            ("{{skip}}", "Skip to the text"),
        ],
    },
    Language {
        name: "zh",
        folder: "zh",
        words: Words { answers: "答案", recorded: "此处记录的结果" },
        texts: [
            ("{{home}}", "四种方式，实时演示"),
            ("{{contents}}", "课程"),
            ("{{other}}", "English"),
            ("{{hand-in}}", "提交"),
            ("{{noscript}}", "没有 JavaScript 时，这是一篇带有记录数据的文章；有了它，图会动起来。"),
            ("{{skip}}", "跳到正文"),
        ],
    },
];

/// Renders everything below `source` into `out`, with `frame` around each page.
pub fn write(source: &Path, frame: &str, out: &Path) {
    let labs = fs::read_to_string(source.join("labs.json")).expect("docs/learn/labs.json");
    let mut table = String::from("/// Language, name, page.\npub const PAGES: &[(&str, &str, &str)] = &[\n");
    for Language { name: language, folder, words, texts } in &LANGUAGES {
        let mut files = names(&source.join(folder), "md");
        files.sort();
        for file in files {
            let path = source.join(folder).join(&file);
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let document = lessons::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let stem = file.trim_end_matches(".md");
            let name = if stem == "README" { "index" } else { stem };
            let title = document.front.get("title").map_or(name, String::as_str);
            let mut add = |name: &str, content: &str| {
                let mut page = frame.replace("{{language}}", language).replace("{{name}}", name);
                let (other, folder) = if *language == "en" { ("zh", "zh") } else { ("en", "") };
                let is_there = source.join(folder).join(&file).exists() && !name.starts_with("notes-");
                page = page
                    .replace("{{other-language}}", other)
                    .replace("{{other-name}}", if is_there { name } else { "" });
                for (placeholder, text) in texts {
                    page = page.replace(placeholder, text);
                }
                page = page.replace("{{title}}", title).replace("{{labs}}", &labs.replace("</", "<\\/"));
                page = page.replace("{{content}}", content);
                let target = out.join(format!("{language}-{}.html", name.replace('/', "-")));
                fs::write(&target, page).expect("OUT_DIR can be written");
                table.push_str(&format!(
                    "    ({language:?}, {name:?}, include_str!({:?})),\n",
                    target.display().to_string()
                ));
            };
            add(name, &lessons::page(&document, words));
            let notes = lessons::notes(&document);
            if !notes.is_empty() {
                add(&format!("notes-{name}"), &format!("<h1>{title}</h1>\n{notes}"));
            }
        }
    }
    table.push_str("];\n/// File, content.\npub const PICTURES: &[(&str, &str)] = &[\n");
    let mut pictures = names(&source.join("pictures"), "svg");
    pictures.sort();
    for picture in pictures {
        let path = source.join("pictures").join(&picture).canonicalize().expect("it was listed");
        table.push_str(&format!("    ({picture:?}, include_str!({:?})),\n", path.display().to_string()));
    }
    table.push_str("];\n");
    fs::write(out.join("learn.rs"), table).expect("OUT_DIR can be written");
}

fn names(folder: &Path, ending: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| Path::new(name).extension().is_some_and(|found| found == ending)).collect()
}
