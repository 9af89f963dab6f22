//! What files look like: compressed, in pages, damaged.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn records(content: impl Into<Vec<u8>>) -> Vec<Record> {
    Inputs::new(vec![Source::memory("test", content.into())]).collect()
}

/// Place and text of each record; damage as its code in angle brackets.
fn seen(content: impl Into<Vec<u8>>) -> Vec<String> {
    let show = |record: Record| {
        let place = match record.position.place {
            Place::Line(line) => format!("line {line}"),
            Place::Item(item) => format!("item {item}"),
        };
        match record.damage {
            Some(damage) => format!("{place}: <{}>", damage.code),
            None => format!("{place}: {}", String::from_utf8_lossy(&record.bytes)),
        }
    };
    records(content).into_iter().map(show).collect()
}

#[test]
fn should_read_lines_with_their_numbers() {
    assert_eq!(seen("{\"a\":1}\r\n\n  \n{\"b\":2}"), ["line 1: {\"a\":1}", "line 4: {\"b\":2}"]);
    assert_eq!(seen("\u{feff}{\"a\":1}\n"), ["line 1: {\"a\":1}"]);
    assert!(seen("").is_empty());
}

#[test]
fn should_read_gzip_whatever_the_file_is_called() {
    assert_eq!(seen(gzip(b"{\"a\":1}\n")), ["line 1: {\"a\":1}"]);
    assert_eq!(seen(gzip(b"[{\"a\":1}]")), ["item 1: {\"a\":1}"]);
}

#[test]
fn should_read_all_members_of_a_gzip_file() {
    let content = [gzip(b"{\"a\":1}\n"), gzip(b"{\"b\":2}\n")].concat();
    assert_eq!(seen(content), ["line 1: {\"a\":1}", "line 2: {\"b\":2}"]);
}

#[test]
fn should_import_what_stands_before_the_damage_of_a_gzip_file() {
    let lines: Vec<String> = (0..5_000).map(|n| format!("{{\"n\":{n},\"x\":\"{}\"}}", n * 7919 % 1009)).collect();
    let text = lines.join("\n");
    let mut content = gzip(text.as_bytes());
    content.truncate(content.len() / 2);
    let seen = seen(content);
    assert!(seen.len() > 100 && seen.len() < 5_000, "{}", seen.len());
    assert!(seen.last().unwrap().ends_with("<input_damaged>"));
    assert_eq!(seen.iter().filter(|line| line.contains('<')).count(), 1);
}

#[test]
fn should_read_arrays_pages_and_arrays_of_pages() {
    let expected = ["item 1: {\"a\":[1,{\"x\":2}]}", "item 2: {\"b\":\"]}\\\"[\"}"];
    assert_eq!(seen(r#"[{"a":[1,{"x":2}]},{"b":"]}\"["}]"#), expected);
    assert_eq!(seen("[{\"a\":[1,{\"x\":2}]}]\n[{\"b\":\"]}\\\"[\"}]\n"), expected);
    assert_eq!(seen(r#"[[{"a":[1,{"x":2}]}],[{"b":"]}\"["}]]"#), expected);
    assert!(seen("[]").is_empty());
}

#[test]
fn should_put_a_record_that_spans_lines_on_one() {
    assert_eq!(seen("{\n \"a\": 1\n}\n{\n \"b\": 2\n}\n"), ["item 1: {  \"a\": 1 }", "item 2: {  \"b\": 2 }"]);
    assert_eq!(seen("[\r\n{\r\n\"a\":1}]"), ["item 1: {  \"a\":1}"]);
}

#[test]
fn should_tell_scalars_in_an_array_apart() {
    assert_eq!(
        seen(r#"[1,"two, [three]",{"a":1}, nonsense ,{"b":2}]"#),
        ["item 1: 1", "item 2: \"two, [three]\"", "item 3: {\"a\":1}", "item 4: nonsense ", "item 5: {\"b\":2}"]
    );
}

#[test]
fn should_say_when_an_array_is_cut_short() {
    assert_eq!(seen(r#"[{"a":1},{"b":"#), ["item 1: {\"a\":1}", "item 2: <input_damaged>"]);
    assert_eq!(seen(r#"[{"a":1},"#), ["item 1: {\"a\":1}", "item 2: <input_damaged>"]);
}

#[test]
fn should_skip_a_record_that_is_too_long_and_read_on() {
    let long = "x".repeat(MAX_RECORD_BYTES + 1);
    assert_eq!(
        seen(format!("{{\"a\":1}}\n{long}\n{{\"b\":2}}\n")),
        ["line 1: {\"a\":1}", "line 2: <record_too_long>", "line 3: {\"b\":2}"]
    );
}

#[test]
fn should_read_one_input_after_the_other_and_count_what_was_read() {
    let sources = vec![Source::memory("one", b"{}\n".to_vec()), Source::memory("two", b"[{},{}]".to_vec())];
    let mut inputs = Inputs::new(sources);
    assert_eq!(inputs.total_bytes(), Some(10));
    let files: Vec<usize> = inputs.by_ref().map(|record| record.position.file).collect();
    assert_eq!(files, [0, 1, 1]);
    assert_eq!(inputs.read_bytes(), 10);
    assert_eq!(inputs.names(), ["one", "two"]);
}
