//! frames: the bytes that a message costs besides its payload.
//! Run: rustc -O --edition 2021 frames.rs && loadgen learn check frames -- ./frames
mod lab;

fn frame_header(length: usize, masked: bool) -> Vec<u8> {
    // Right for short frames. What about 126 bytes and more, or 65536 and more?
    vec![0x81, if masked { 0x80 } else { 0 } | (length & 0x7f) as u8]
}

fn main() {
    for line in std::io::stdin().lines() {
        let line = line.expect("a line");
        let member = |name| lab::plain(lab::member(&line, name).unwrap_or(""));
        match member("ask") {
            "frame_header" => {
                let bytes = frame_header(member("length").parse().unwrap_or(0), member("masked") == "true");
                lab::print(&format!("{{\"hex\":\"{}\"}}", lab::hex(&bytes)));
            }
            _ => lab::print("{}"),
        }
    }
}
