//! Checks the imports between the modules of `src` against the order in `src/lib.rs`. They are read from the `use`
//! lines and from the paths in the code, unit tests included.
//!
//! Over 400 lines: reading the imports of Rust code and the rules about them belong together.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "common/docs.rs"]
mod docs;
#[allow(dead_code, reason = "build.rs uses the rest; here only its table is read")]
#[path = "../build/effort.rs"]
mod effort;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The modules that `report` may not import: those that make a run.
const HIDDEN_FROM_REPORT: [&str; 6] = ["stream", "measure", "server", "transport", "http", "load"];
/// Each transport is one file, and none imports another.
const TRANSPORTS: [&str; 4] = ["polling", "long_polling", "sse", "websocket"];

/// A module or an item of the crate: `["load", "plan", "Plan"]`.
type Path_ = Vec<String>;

/// What one file imports and names.
#[derive(Default)]
struct Source {
    /// The modules that it declares under `#[cfg(test)]`.
    for_tests: Vec<Path_>,
    /// All paths that it names.
    named: BTreeSet<Path_>,
    /// What the `use` lines of its outer level bind: name to path.
    bound: BTreeMap<String, Path_>,
}

/// The modules of the package, one for each file, by path. The path of the crate's root is empty.
struct Modules(BTreeMap<Path_, Source>);

impl Modules {
    fn read() -> Self {
        let texts = texts();
        let is_module = |path: &[String]| texts.contains_key(path);
        let modules = texts.iter().map(|(module, text)| (module.clone(), source(module, text, &is_module)));
        Self(modules.collect())
    }

    /// The module whose file defines what a path names. Imported and re-exported names are followed.
    fn defining(&self, path: &[String]) -> Path_ {
        let mut path = path.to_vec();
        // Each step follows one name to its origin; more than a few steps would be a cycle.
        'followed: for _ in 0..16 {
            let mut module = Path_::new();
            for (index, segment) in path.iter().enumerate() {
                let child = [&module[..], std::slice::from_ref(segment)].concat();
                if self.0.contains_key(&child) {
                    module = child;
                } else if let Some(origin) =
                    self.0[&module].bound.get(segment).filter(|origin| **origin != path[..=index])
                {
                    path = [origin, &path[index + 1..]].concat();
                    continue 'followed;
                } else {
                    return module;
                }
            }
            return module;
        }
        panic!("{} leads nowhere", path.join("::"));
    }

    /// For each file, the other files that it imports from.
    fn imports(&self) -> BTreeMap<&Path_, BTreeSet<&Path_>> {
        let imports = self.0.iter().map(|(module, source)| {
            let found = source.named.iter().map(|path| self.0.get_key_value(&self.defining(path)).unwrap().0);
            (module, found.filter(|found| *found != module && !found.is_empty()).collect())
        });
        imports.collect()
    }

    /// The imports between the top-level modules, each with the files that make it.
    fn arrows(&self) -> BTreeMap<(&str, &str), BTreeSet<String>> {
        let mut arrows = BTreeMap::<_, BTreeSet<String>>::new();
        for (module, imports) in self.imports() {
            for import in imports {
                let (Some(from), Some(to)) = (module.first(), import.first()) else { continue };
                if from != to {
                    let files = format!("{} imports {}", module.join("::"), import.join("::"));
                    arrows.entry((from.as_str(), to.as_str())).or_default().insert(files);
                }
            }
        }
        arrows
    }
}

/// The text of each file in `src`, by module.
fn texts() -> BTreeMap<Path_, String> {
    let mut texts = BTreeMap::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &[], &mut texts);
    texts
}

fn collect(folder: &Path, module: &[String], texts: &mut BTreeMap<Path_, String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        let child = [module, std::slice::from_ref(&stem)].concat();
        if path.is_dir() {
            collect(&path, &child, texts);
        } else if is_rust {
            let module = if ["lib", "mod"].contains(&stem.as_str()) { module.to_vec() } else { child };
            texts.insert(module, fs::read_to_string(&path).unwrap());
        }
    }
}

/// The tokens of a source text: words, `::` and single characters. Comments, literals and spaces are left out.
fn tokens(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let at = |index: usize| letters.get(index).copied().unwrap_or(' ');
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut tokens = Vec::new();
    let mut index = 0;
    while index < letters.len() {
        let begin = index;
        match at(index) {
            '/' if at(index + 1) == '/' => {
                while index < letters.len() && at(index) != '\n' {
                    index += 1
                }
            }
            '/' if at(index + 1) == '*' => {
                while index < letters.len() && (at(index), at(index + 1)) != ('*', '/') {
                    index += 1
                }
                index += 2;
            }
            'r' if at(index + 1) == '"' || (at(index + 1) == '#' && ['#', '"'].contains(&at(index + 2))) => {
                let hashes = letters[index + 1..].iter().take_while(|letter| **letter == '#').count();
                index += hashes + 2;
                let is_end = |index: usize| at(index) == '"' && (1..=hashes).all(|more| at(index + more) == '#');
                while index < letters.len() && !is_end(index) {
                    index += 1
                }
                index += hashes + 1;
            }
            '"' => {
                index += 1;
                while index < letters.len() && at(index) != '"' {
                    index += if at(index) == '\\' { 2 } else { 1 }
                }
                index += 1;
            }
            '\'' if at(index + 1) == '\\' => {
                index += 3;
                while index < letters.len() && at(index) != '\'' {
                    index += 1
                }
                index += 1;
            }
            // A character literal; otherwise it is the mark of a lifetime.
            '\'' if at(index + 2) == '\'' => index += 3,
            ':' if at(index + 1) == ':' => {
                tokens.push("::".to_owned());
                index += 2;
            }
            letter if is_word(letter) => {
                while is_word(at(index)) {
                    index += 1
                }
                tokens.push(letters[begin..index].iter().collect());
            }
            letter => {
                if !letter.is_whitespace() {
                    tokens.push(letter.to_string());
                }
                index += 1;
            }
        }
    }
    tokens
}

/// Reads the imports and paths of a module's file.
fn source(module: &[String], text: &str, is_module: &dyn Fn(&[String]) -> bool) -> Source {
    let tokens = tokens(text);
    let token = |index: usize| tokens.get(index).map_or("", String::as_str);
    let mut source = Source::default();
    // Modules inside the file, each with the brace depth at which it ends.
    let mut inner: Vec<(String, usize)> = Vec::new();
    let (mut depth, mut index) = (0, 0);
    while index < tokens.len() {
        let here = || [module, &inner.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()].concat();
        match token(index) {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inner.pop_if(|(_, outer)| *outer == depth);
            }
            "mod" if token(index + 2) == ";" => {
                // `#[cfg(test)] mod NAME;`, possibly with a visibility such as `pub(crate)`.
                let words = tokens[..index].rsplit(|token| [";", "{", "}"].contains(&token.as_str())).next();
                if words.is_some_and(|words| words.concat().contains("#[cfg(test)]")) {
                    source.for_tests.push([module, &[token(index + 1).to_owned()]].concat());
                }
            }
            "mod" if token(index + 2) == "{" => inner.push((token(index + 1).to_owned(), depth)),
            "use" => {
                let mut found = Vec::new();
                index = tree(&tokens, index + 1, &[], &mut found);
                for (path, name) in found {
                    let Some(path) = absolute(&here(), &path, is_module) else { continue };
                    // Imports inside a function do not belong to the module.
                    if inner.is_empty() && depth == 0 {
                        source.bound.insert(name, path.clone());
                    }
                    source.named.insert(path);
                }
            }
            "crate" | "super" | "self" if token(index + 1) == "::" && token(index.wrapping_sub(1)) != "::" => {
                let mut path = vec![token(index).to_owned()];
                while token(index + 1) == "::" && token(index + 2).starts_with(|c: char| c.is_alphabetic() || c == '_')
                {
                    path.push(token(index + 2).to_owned());
                    index += 2;
                }
                source.named.extend(absolute(&here(), &path, is_module));
            }
            _ => {}
        }
        index += 1;
    }
    source
}

/// Reads one tree of a `use` line from `index` on, and returns the index of the token after it. `found` gets each path
/// of the tree with the name that it binds.
fn tree(tokens: &[String], mut index: usize, before: &[String], found: &mut Vec<(Path_, String)>) -> usize {
    let mut path = before.to_vec();
    loop {
        match tokens[index].as_str() {
            "{" => {
                index += 1;
                while tokens[index] != "}" {
                    index = tree(tokens, index, &path, found);
                    index += usize::from(tokens[index] == ",");
                }
                return index + 1;
            }
            "*" => {
                found.push((path, "*".to_owned()));
                return index + 1;
            }
            "::" => index += 1,
            word => {
                // `a::{self}` is `a`.
                if word != "self" || path.is_empty() {
                    path.push(word.to_owned());
                }
                index += 1;
                match tokens[index].as_str() {
                    "::" => {}
                    "as" => {
                        found.push((path, tokens[index + 1].clone()));
                        return index + 2;
                    }
                    _ => {
                        let name = path.last().unwrap().clone();
                        found.push((path, name));
                        return index;
                    }
                }
            }
        }
    }
}

/// A path from the crate's root; `None` if it leads to another crate or begins with an item of the file itself.
fn absolute(here: &[String], path: &[String], is_module: &dyn Fn(&[String]) -> bool) -> Option<Path_> {
    match path[0].as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([here, &path[1..]].concat()),
        "super" => {
            let ups = path.iter().take_while(|segment| *segment == "super").count();
            Some([&here[..here.len().checked_sub(ups)?], &path[ups..]].concat())
        }
        _ => is_module(&[here, &path[..1]].concat()).then(|| [here, path].concat()),
    }
}

/// The order of the modules, as given at the head of `src/lib.rs`.
fn order() -> Vec<String> {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let text = map.replace("\n//!", "");
    let (_, list) = text.split_once("before it in this list:").expect("src/lib.rs has the order");
    let (list, _) = list.split_once(';').unwrap();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn each_module_imports_only_those_before_it() {
    let order = order();
    let place = |name: &str| order.iter().position(|module| module == name);
    let modules = Modules::read();
    let unordered: Vec<&Path_> =
        modules.0.keys().filter(|path| path.len() == 1 && path[0] != "bin" && place(&path[0]).is_none()).collect();
    assert!(unordered.is_empty(), "missing in the order of src/lib.rs: {unordered:?}");
    let mut wrong = Vec::new();
    for ((from, to), files) in modules.arrows() {
        let is_hidden = from == "report" && HIDDEN_FROM_REPORT.contains(&to);
        if place(to) >= place(from) || is_hidden {
            wrong.extend(files);
        }
    }
    assert!(wrong.is_empty(), "imports against the order of src/lib.rs ({}):\n{}", order.join(", "), wrong.join("\n"));
}

#[test]
fn no_file_imports_itself_through_others() {
    let modules = Modules::read();
    let imports = modules.imports();
    // A module and its submodules count as one.
    let is_within = |a: &Path_, b: &Path_| a.starts_with(b) || b.starts_with(a);
    // The fixtures of unit tests use everything that makes a run, and the tests of all these modules use the fixtures.
    let for_tests: BTreeSet<&Path_> = modules.0.values().flat_map(|source| &source.for_tests).collect();
    let next = |module: &Path_| {
        let next = imports[module].iter().copied();
        next.filter(|to| !is_within(to, module) && !for_tests.contains(to)).collect::<Vec<_>>()
    };
    let reachable = |from: &Path_| {
        let (mut seen, mut open) = (BTreeSet::new(), next(from));
        while let Some(module) = open.pop() {
            if seen.insert(module) {
                open.extend(next(module));
            }
        }
        seen
    };
    let in_circles: Vec<String> = imports
        .keys()
        .filter(|module| reachable(module).contains(*module))
        .map(|module| {
            let back = next(module).into_iter().filter(|to| reachable(to).contains(module));
            let back: Vec<_> = back.map(|to| to.join("::")).collect();
            format!("{} imports {}", module.join("::"), back.join(", "))
        })
        .collect();
    assert!(in_circles.is_empty(), "files in a circle:\n{}", in_circles.join("\n"));
}

#[test]
fn no_transport_imports_another() {
    let modules = Modules::read();
    for (module, imports) in modules.imports() {
        let of = |path: &Path_| match &path[..] {
            [top, transport, ..] if top == "transport" => TRANSPORTS.iter().find(|name| *name == transport).copied(),
            _ => None,
        };
        let Some(transport) = of(module) else { continue };
        let others: Vec<_> = imports.iter().filter(|to| of(to).is_some_and(|other| other != transport)).collect();
        assert!(others.is_empty(), "{transport} imports {others:?}");
    }
}

#[test]
fn a_file_over_400_lines_has_the_reason_in_its_head_comment() {
    for (module, text) in texts().iter().filter(|(_, text)| text.lines().count() > 400) {
        let head = text.lines().map_while(|line| line.strip_prefix("//!")).collect::<String>();
        assert!(head.contains("Over 400 lines"), "{}", module.join("::"));
    }
}

#[test]
fn the_table_of_imports_is_that_of_the_code() {
    let modules = Modules::read();
    let arrows = modules.arrows();
    let order = order();
    let mut table = String::from("| module | imports |\n|---|---|\n");
    for from in &order {
        let imported = order.iter().filter(|to| arrows.contains_key(&(from.as_str(), to.as_str())));
        let imported: Vec<_> = imported.map(|to| format!("`{to}`")).collect();
        let imported = if imported.is_empty() { "nothing".to_owned() } else { imported.join(", ") };
        table += &format!("| `{from}` | {imported} |\n");
    }
    docs::assert_generated("CONTRIBUTING.md", "imports", &table);
}

#[test]
fn imports_are_read_from_use_lines_and_from_paths_and_not_from_words() {
    let text = r##"
        //! use crate::comment;
        use std::fmt;
        pub use p::Q;
        use crate::{a::{self, B as C}, d::*};
        pub use super::e::F;
        const TEXT: &str = "crate::text"; const RAW: &str = r#"crate::raw " crate"#; const C: char = '"';
        fn f<'a>(x: &'a crate::g::H) { x.crate_::y(); super::i::j::<crate::k::L>() }
        mod plain; #[cfg(test)] pub(crate) mod fixture;
        #[cfg(test)]
        mod tests { use super::*; use crate::m; mod deep { fn n() { super::super::super::o() } } }
    "##;
    let here = ["x", "y"].map(str::to_owned);
    let source = source(&here, text, &|path| path.join("::") == "x::y::p");
    let named: Vec<String> = source.named.iter().map(|path| path.join("::")).collect();
    let wanted = ["a", "a::B", "d", "g::H", "k::L", "m", "x::e::F", "x::i::j", "x::o", "x::y", "x::y::p::Q"];
    assert_eq!(named, wanted);
    assert_eq!(source.bound["C"], ["a", "B"]);
    assert_eq!(source.for_tests, [["x", "y", "fixture"]]);
}

/// Files that are charged to no transport: compression, an option of all four, and the HTTP/1.1 client that replaces
/// hyper's to save the generator CPU time.
const CHARGED_TO_NONE: [&str; 2] = ["transport/coding", "transport/http1"];

#[test]
fn every_shared_file_that_a_transport_stands_on_is_charged_to_its_effort() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let own: Vec<&str> = effort::TRANSPORTS.iter().map(|files| files.own).collect();
    let shared = fs::read_dir(src.join("transport")).unwrap().map(|entry| entry.unwrap().path());
    let shared = shared.filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    let shared = shared.map(|path| format!("transport/{}", path.file_stem().unwrap().to_str().unwrap()));
    let shared = shared.filter(|file| !own.contains(&file.as_str()) && !CHARGED_TO_NONE.contains(&file.as_str()));
    let shared: Vec<String> =
        shared.chain(["fanout", "takeover", "wire"].map(|file| format!("server/{file}"))).collect();
    for files in &effort::TRANSPORTS {
        let text = fs::read_to_string(src.join(format!("{}.rs", files.own))).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for file in &shared {
            let is_used = code.contains(&format!("use crate::{}::", file.replace('/', "::")));
            let is_charged = files.server.contains(&file.as_str()) || files.client.contains(&file.as_str());
            assert!(is_charged || !is_used, "{} uses {file}, which build/effort.rs does not charge to it", files.own);
        }
    }
}

#[test]
fn every_test_that_the_sceptics_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/SCEPTIC.md")).unwrap();
    let is_test = |name: &&str| {
        name.matches('_').count() >= 3
            && name.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '_')
    };
    let names: BTreeSet<&str> = page.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(names.len() >= 20, "{names:?}");
    let mut texts = BTreeMap::new();
    for folder in ["src", "tests"] {
        collect(&root.join(folder), &[folder.to_owned()], &mut texts);
    }
    for name in names {
        let declared = format!("fn {name}()");
        assert!(texts.values().any(|text| text.contains(&declared)), "docs/SCEPTIC.md names {name}, which is no test");
    }
}
