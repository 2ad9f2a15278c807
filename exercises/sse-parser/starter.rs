//! sse-parser: bytes in, events out.
//! Run: rustc -O --edition 2021 sse-parser.rs && loadgen learn check sse-parser -- ./sse-parser
mod lab;

fn main() {
    for line in std::io::stdin().lines() {
        let line = line.expect("a line");
        // What if a line ends with CR LF? If there is an id? If a piece ends in the middle of a character?
        let chunks = lab::items(lab::member(&line, "chunks").unwrap_or("[]"));
        let text: String =
            chunks.iter().map(|chunk| String::from_utf8_lossy(&lab::unhex(lab::plain(chunk))).into_owned()).collect();
        let events: Vec<String> = text
            .split("\n\n")
            .filter_map(|block| block.strip_prefix("data: "))
            .map(|data| format!("{{\"event\":\"message\",\"data\":{},\"id\":\"\"}}", lab::quote(data)))
            .collect();
        lab::print(&format!("{{\"events\":[{}],\"retry\":null}}", events.join(",")));
    }
}
