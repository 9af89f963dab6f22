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
    records(content).into_iter().map(shown).collect()
}

fn shown(record: Record) -> String {
    let place = &record.position.place;
    match record.damage {
        Some(damage) => format!("{place}: <{}>", damage.code),
        None => format!("{place}: {}", String::from_utf8_lossy(&record.bytes)),
    }
}

#[test]
fn should_read_lines_with_their_numbers() {
    assert_eq!(seen("{\"a\":1}\r\n\n  \n{\"b\":2}"), ["line 1: {\"a\":1}", "line 4: {\"b\":2}"]);
    assert_eq!(seen("\u{feff}{\"a\":1}\n"), ["line 1: {\"a\":1}"]);
}

#[test]
fn should_say_of_an_empty_input_that_it_is_empty() {
    assert_eq!(seen(""), ["the file: <input_empty>"]);
    assert_eq!(seen(" \n\n"), ["the file: <input_empty>"]);
    assert_eq!(seen("\u{feff}"), ["the file: <input_empty>"]);
    assert_eq!(seen(gzip(b"")), ["the file: <input_empty>"]);
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
    assert!(seen("[]").is_empty(), "a list of nothing is a list");
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
fn should_skip_a_record_of_an_array_or_a_page_that_is_too_long_and_read_on() {
    let long = "x".repeat(2 * MAX_RECORD_BYTES);
    let records = format!("{{\"a\":1}},{{\"long\":[\"]}}\",\"{long}\"]}},{{\"b\":2}}");
    let expected = ["item 1: {\"a\":1}", "item 2: <record_too_long>", "item 3: {\"b\":2}"];
    assert_eq!(seen(format!("[{records}]")), expected);
    assert_eq!(seen(format!("{{\"issues\":[{records}],\"total\":3}}")), expected);
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

/// As [`seen`], for a table.
fn rows(content: impl Into<Vec<u8>>) -> Vec<String> {
    let mut inputs = Inputs::new(vec![Source::memory("test", content.into())]);
    inputs.expect(Some(Format::Csv));
    inputs.map(shown).collect()
}

#[test]
fn should_read_the_members_of_pages_whatever_else_stands_in_them() {
    let expected = ["item 1: {\"a\":{\"issues\":[1]}}", "item 2: {\"b\":\"\\\"issues\\\":[\"}", "item 3: {\"c\":1}"];
    let first = r#"{"expand":"issues","total":2,"names":{"issues":[{"no":1}]},"issues" : [{"a":{"issues":[1]}},{"b":"\"issues\":["}]"#;
    let last = r#"{"issues":[],"isLast":true}"#;
    for tail in ["}", r#","warnings":[{"x":"]}"}],"issues":[{"second":1}],"isLast":false}"#] {
        let middle = r#"{"issues":[{"c":1}]}"#;
        assert_eq!(seen(format!("{first}{tail}\n{middle}\n{last}")), expected, "one a line");
        assert_eq!(seen(format!("[{first}{tail},{middle},{last}]")), expected, "in an array");
        let laid_out = format!("{first}{tail}").replacen('{', "{\n ", 1);
        assert_eq!(seen(format!("{laid_out}\n{middle}{last}")), expected, "laid out");
    }
    assert!(seen(r#"{"startAt":0,"issues":[]}"#).is_empty());
}

#[test]
fn should_say_when_a_page_is_cut_short() {
    assert_eq!(seen(r#"{"issues":[{"a":1},{"b":"#), ["item 1: {\"a\":1}", "item 2: <input_damaged>"]);
    assert_eq!(seen(r#"{"issues":[{"a":1}"#), ["item 1: {\"a\":1}", "item 2: <input_damaged>"]);
    assert_eq!(seen(r#"{"issues":[{"a":1}],"total":1"#), ["item 1: {\"a\":1}", "item 2: <input_damaged>"]);
}

#[test]
fn should_hold_one_record_of_a_page_at_a_time() {
    let long = "x".repeat(1024 * 1024);
    let members: Vec<String> = (0..20).map(|n| format!("{{\"n\":{n},\"x\":\"{long}\"}}")).collect();
    let page = format!("{{\"issues\":[{}],\"rest\":[\"{}\"]}}", members.join(","), long.repeat(20));
    assert!(page.len() > 2 * MAX_RECORD_BYTES);
    assert_eq!(records(page).len(), 20);
}

#[test]
fn should_refuse_arrays_in_arrays_without_end() {
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    assert_eq!(seen(deep.clone()), ["item 1: <input_damaged>"]);
    assert_eq!(seen("[".repeat(10_000)), ["item 1: <input_damaged>"]);
    let inside = format!("{{\"a\":{deep}}}");
    assert_eq!(seen(inside.clone()), [format!("line 1: {inside}")], "what is in a record is not looked at here");
    assert_eq!(seen(format!("[{inside}]")), [format!("item 1: {inside}")]);
}

#[test]
fn should_say_what_to_do_about_utf16() {
    let text: Vec<u8> = "\u{feff}{\"a\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let record = records(text).remove(0);
    assert!(record.damage.unwrap().detail.contains("UTF-16"));
}

#[test]
fn should_read_the_rows_of_a_table_as_objects_with_the_line_they_begin_in() {
    let table = "Summary,Labels,Labels,\r\nOne,a,b,x\r\n\r\n\"Two, \"\"so\"\"\nand on\",,b,\nThree,\"\",é,";
    let expected = [
        "line 2: {\"Summary\":\"One\",\"Labels\":[\"a\",\"b\"],\"column 4\":\"x\"}",
        "line 4: {\"Summary\":\"Two, \\\"so\\\"\\nand on\",\"Labels\":[\"\",\"b\"],\"column 4\":\"\"}",
        "line 6: {\"Summary\":\"Three\",\"Labels\":[\"\",\"é\"],\"column 4\":\"\"}",
    ];
    assert_eq!(rows(table), expected);
    assert_eq!(rows(table.replace(',', ";").replace("Two;", "Two,")), expected);
    assert_eq!(rows(table.replace(',', "\t").replace("Two\t", "Two,")), expected);
    assert_eq!(rows(gzip(table.as_bytes())), expected);
    assert_eq!(seen(table), expected, "recognised by its column of titles");
    assert!(rows("Summary,Status\n").is_empty());
}

#[test]
fn should_lose_one_line_to_a_broken_quote_and_read_on() {
    let table = "t,u\n1,\"ab\"c\n2,\"x\ny\"\n3,\"never closed\n4,d\n";
    let expected = [
        "line 2: <quote_broken>",
        "line 3: {\"t\":\"2\",\"u\":\"x\\ny\"}",
        "line 5: <quote_broken>",
        "line 6: {\"t\":\"4\",\"u\":\"d\"}",
    ];
    assert_eq!(rows(table), expected);
    let mut inputs = Inputs::new(vec![Source::memory("test", table.into())]);
    inputs.expect(Some(Format::Csv));
    let bad: Vec<Record> = inputs.filter(|record| record.damage.is_some()).collect();
    assert_eq!(bad[0].bytes, b"1,\"ab\"c", "kept as it was");
    assert!(bad[1].damage.as_ref().unwrap().detail.contains("never closed (line 5)"));
}

#[test]
fn should_take_nothing_for_a_row_that_stands_in_a_cell_whose_quote_is_broken() {
    let table = "Summary,Created\n\"Fix\nLogin broken,2024-01-01\nsay \"hi\" now\",2024-02-02\nNext,2024-01-03\n";
    let seen = rows(table);
    assert_eq!(seen, ["line 2: <quote_broken>", "line 5: {\"Summary\":\"Next\",\"Created\":\"2024-01-03\"}"]);
    let long = format!("Text,Title,Created\n\"{}\",T,2024-01-01\nx,Next,2024-01-03\n", "x".repeat(3 * 1024 * 1024));
    let next = "line 3: {\"Text\":\"x\",\"Title\":\"Next\",\"Created\":\"2024-01-03\"}";
    assert_eq!(rows(long), ["line 2: <quote_broken>", next]);
}

#[test]
fn should_hold_no_more_than_a_row_where_a_quote_is_never_closed() {
    let mut table = b"t,u\n1,\"open\n".to_vec();
    for number in 0..400_000 {
        table.extend_from_slice(format!("{number},plain\n").as_bytes());
    }
    let seen = rows(table);
    assert_eq!(seen.len(), 400_001);
    assert_eq!(seen[0], "line 2: <quote_broken>");
    assert!(seen[400_000].starts_with("line 400002: {"));
}

#[test]
fn should_tell_rows_that_cannot_be_read_and_read_on() {
    let long = "x".repeat(3 * 1024 * 1024);
    let table = [b"t,u\n1,\xff\n2\n3,c,d\n4,a\rb\n5,".as_slice(), long.as_bytes(), b"\n6,\0\n"].concat();
    let expected = [
        "line 2: <not_utf8>",
        "line 3: <row_uneven>",
        "line 4: <row_uneven>",
        "line 5: <row_uneven>",
        "line 6: <record_too_long>",
        "line 7: {\"t\":\"6\",\"u\":\"\\u0000\"}",
    ];
    assert_eq!(rows(table), expected);
}

#[test]
fn should_say_when_the_header_of_a_table_cannot_be_read() {
    assert_eq!(rows("t,\"u\n1,2\n"), ["line 1: <input_damaged>"]);
    assert_eq!(rows(b"t,\xff\n1,2\n".as_slice()), ["line 1: <input_damaged>"]);
    let mut cut = gzip("Summary,Status\n".repeat(10_000).as_bytes());
    cut.truncate(cut.len() / 2);
    assert!(rows(cut).last().unwrap().ends_with("<input_damaged>"));
}

#[test]
fn should_not_take_for_a_table_what_is_said_to_be_something_else() {
    let mut inputs = Inputs::new(vec![Source::memory("test", b"Summary,Status\na,b\n".to_vec())]);
    inputs.expect(Some(Format::Commands));
    assert!(inputs.all(|record| !record.is_row));
    assert_eq!(seen("a,b\n1,2\n"), ["line 1: a,b", "line 2: 1,2"], "no column of titles");
}

/// Gives a byte at a time, as a slow pipe may.
struct Trickle(io::Cursor<Vec<u8>>);

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(1);
        self.0.read(&mut buffer[..room])
    }
}

#[test]
fn should_recognise_what_comes_through_a_slow_pipe() {
    let page = "{\"startAt\":0,\"issues\":[{\"a\":1}]}";
    for (content, expected) in
        [(page, "item 1: {\"a\":1}"), ("Summary,x\na,b\n", "line 2: {\"Summary\":\"a\",\"x\":\"b\"}")]
    {
        let reader = Box::new(Trickle(io::Cursor::new(content.as_bytes().to_vec())));
        let inputs = Inputs::new(vec![Source { name: "pipe".into(), bytes: None, reader }]);
        assert_eq!(inputs.map(shown).collect::<Vec<_>>(), [expected]);
    }
}
