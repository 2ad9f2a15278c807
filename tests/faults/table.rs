//! Formats a table of numbers.

/// A text table with one column for each head and one row for each name.
pub fn columns(heads: &[&str], rows: &[(String, Vec<u64>)]) -> String {
    let mut text = format!("{:<28}", "");
    heads.iter().for_each(|head| text += &format!("{head:>14}"));
    for (name, metrics) in rows {
        text += &format!("\n{name:<28}");
        metrics.iter().for_each(|metric| text += &format!("{metric:>14}"));
    }
    text
}
