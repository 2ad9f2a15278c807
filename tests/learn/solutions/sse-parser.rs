mod lab;

#[derive(Default)]
struct Parser {
    line: Vec<u8>,
    after_cr: bool,
    begun: bool,
    id: String,
    retry: Option<u64>,
    event: String,
    data: Vec<String>,
    events: Vec<String>,
}

impl Parser {
    fn push(&mut self, piece: &[u8]) {
        for &byte in piece {
            let was_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if was_cr => {}
                b'\n' | b'\r' => self.end_line(),
                _ => self.line.push(byte),
            }
        }
    }

    fn end_line(&mut self) {
        let bytes = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&bytes);
        let line = if self.begun { &text } else { text.strip_prefix('\u{feff}').unwrap_or(&text) };
        self.begun = true;
        if line.is_empty() {
            let (event, data) = (std::mem::take(&mut self.event), std::mem::take(&mut self.data));
            if !data.is_empty() {
                let event = if event.is_empty() { "message" } else { &event };
                let [event, data, id] = [event, &data.join("\n"), &self.id].map(lab::quote);
                self.events.push(format!("{{\"event\":{event},\"data\":{data},\"id\":{id}}}"));
            }
            return;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => self.data.push(value.to_owned()),
            "event" => self.event = value.to_owned(),
            "id" if !value.contains('\0') => self.id = value.to_owned(),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => self.retry = value.parse().ok().or(self.retry),
            _ => {}
        }
    }
}

fn main() {
    for line in std::io::stdin().lines() {
        let line = line.expect("a line");
        let mut parser = Parser::default();
        for chunk in lab::items(lab::member(&line, "chunks").unwrap_or("[]")) {
            parser.push(&lab::unhex(lab::plain(chunk)));
        }
        let retry = parser.retry.map_or("null".to_owned(), |retry| retry.to_string());
        lab::print(&format!("{{\"events\":[{}],\"retry\":{retry}}}", parser.events.join(",")));
    }
}
