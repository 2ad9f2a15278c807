mod lab;

fn frame_header(length: usize, masked: bool) -> Vec<u8> {
    let mask = if masked { 0x80 } else { 0 };
    match length {
        0..=125 => vec![0x81, mask | length as u8],
        126..=65535 => [&[0x81, mask | 126][..], &(length as u16).to_be_bytes()].concat(),
        _ => [&[0x81, mask | 127][..], &(length as u64).to_be_bytes()].concat(),
    }
}

fn frame(data: &[u8]) -> String {
    let (length, mut at) = match data[1] & 0x7f {
        126 => (2, 4),
        127 => (8, 10),
        _ => (0, 2),
    };
    let length = match length {
        0 => u64::from(data[1] & 0x7f),
        size => data[2..2 + size].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    };
    let masked = data[1] >= 0x80;
    let mut key = [0; 4];
    if masked {
        key.copy_from_slice(&data[at..at + 4]);
        at += 4;
    }
    let payload: Vec<u8> = data[at..].iter().zip(key.into_iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    let (last, opcode, payload) = (data[0] >= 0x80, data[0] & 15, lab::hex(&payload));
    format!("{{\"final\":{last},\"opcode\":{opcode},\"masked\":{masked},\"length\":{length},\"payload\":\"{payload}\"}}")
}

fn find(data: &[u8], what: &[u8], from: usize) -> usize {
    from + data[from..].windows(what.len()).position(|window| window == what).expect("it is there")
}

fn split(data: &[u8]) -> String {
    let head = find(data, b"\r\n\r\n", 0) + 4;
    let (mut at, mut payload) = (head, 0);
    loop {
        let line = find(data, b"\r\n", at);
        let size = std::str::from_utf8(&data[at..line]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let size = size.expect("a chunk's size");
        payload += size;
        at = line + 2 + size + 2;
        if size == 0 {
            let framing = data.len() - head - payload;
            return format!("{{\"head\":{head},\"framing\":{framing},\"payload\":{payload}}}");
        }
    }
}

fn main() {
    for line in std::io::stdin().lines() {
        let line = line.expect("a line");
        let member = |name| lab::plain(lab::member(&line, name).unwrap_or(""));
        let length = member("length").parse().unwrap_or(0);
        let data = lab::unhex(member("hex"));
        let of_bytes = |bytes: &[u8]| format!("{{\"hex\":\"{}\"}}", lab::hex(bytes));
        lab::print(&match member("ask") {
            "frame_header" => of_bytes(&frame_header(length, member("masked") == "true")),
            "chunk" => of_bytes(format!("{length:x}\r\n").as_bytes()),
            "frame" => frame(&data),
            _ => split(&data),
        });
    }
}
