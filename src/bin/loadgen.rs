//! placeholder until load exists
fn main() {}
