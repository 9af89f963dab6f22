//! Atlassian's document format, in which Jira Cloud gives descriptions and comments, to Markdown.
//!
//! Nothing that can be read is lost: of a node that is not known, what stands in it is kept.

use serde_json::Value;

/// The text of a field that is a document, plain text, or nothing. Plain text (Jira's wiki markup) stays as it is.
pub(super) fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(document @ Value::Object(_)) => {
            let mut out = String::new();
            blocks(document, &mut out, "");
            out.trim().to_owned()
        }
        _ => String::new(),
    }
}

fn kind(node: &Value) -> &str {
    node["type"].as_str().unwrap_or_default()
}

fn content(node: &Value) -> impl Iterator<Item = &Value> {
    node["content"].as_array().into_iter().flatten()
}

/// The blocks in a node, each line of them after `margin`, with an empty line between two.
fn blocks(node: &Value, out: &mut String, margin: &str) {
    for (index, child) in content(node).enumerate() {
        if index > 0 {
            out.push_str(margin.trim_end());
            out.push('\n');
        }
        block(child, out, margin);
    }
}

fn block(node: &Value, out: &mut String, margin: &str) {
    match kind(node) {
        "heading" => {
            let level = usize::try_from(node["attrs"]["level"].as_u64().unwrap_or(1)).unwrap_or(1).clamp(1, 6);
            line(&format!("{} {}", "#".repeat(level), inline(node)), out, margin);
        }
        "bulletList" | "taskList" | "decisionList" => items(node, out, margin, |_| "- ".to_owned()),
        "orderedList" => {
            let first = node["attrs"]["order"].as_u64().unwrap_or(1);
            items(node, out, margin, |index| format!("{}. ", first.saturating_add(index)));
        }
        "codeBlock" => {
            let code: String = content(node).filter_map(|child| child["text"].as_str()).collect();
            // A fence must be longer than any in the code.
            let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or_default();
            let fence = "`".repeat(3.max(longest + 1));
            line(&format!("{fence}{}", node["attrs"]["language"].as_str().unwrap_or_default()), out, margin);
            line(&code, out, margin);
            line(&fence, out, margin);
        }
        "blockquote" | "panel" => blocks(node, out, &format!("{margin}> ")),
        "rule" => line("---", out, margin),
        "table" => table(node, out, margin),
        "expand" | "nestedExpand" => {
            if let Some(title) = node["attrs"]["title"].as_str().filter(|title| !title.is_empty()) {
                line(&format!("**{title}**\n"), out, margin);
            }
            blocks(node, out, margin);
        }
        "paragraph" | "taskItem" | "decisionItem" => line(&inline(node), out, margin),
        _ if content(node).any(node_is_block) => blocks(node, out, margin),
        _ => {
            let mut text = inline(node);
            if text.is_empty() {
                text = leaf(node);
            }
            line(&text, out, margin);
        }
    }
}

fn node_is_block(node: &Value) -> bool {
    let inline = ["text", "hardBreak", "mention", "emoji", "inlineCard", "date", "status", "media", "mediaInline"];
    !inline.contains(&kind(node))
}

/// Text that may hold line breaks, each line after the margin.
fn line(text: &str, out: &mut String, margin: &str) {
    for part in text.split('\n') {
        let whole = format!("{margin}{part}");
        out.push_str(whole.trim_end());
        out.push('\n');
    }
}

fn items(list: &Value, out: &mut String, margin: &str, mark: impl Fn(u64) -> String) {
    for (item, index) in content(list).zip(0..) {
        let mark = match (kind(item), item["attrs"]["state"].as_str()) {
            ("taskItem", Some("DONE")) => "- [x] ".to_owned(),
            ("taskItem", _) => "- [ ] ".to_owned(),
            _ => mark(index),
        };
        let indent = " ".repeat(mark.len());
        let mut inner = String::new();
        if content(item).any(node_is_block) {
            // Lists stand close: no empty line between an item and what is below it.
            for child in content(item) {
                block(child, &mut inner, "");
            }
        } else {
            line(&inline(item), &mut inner, "");
        }
        for (number, part) in inner.trim_end().split('\n').enumerate() {
            let lead = if number == 0 { &mark } else { &indent };
            line(part, out, &format!("{margin}{lead}"));
        }
    }
}

fn table(node: &Value, out: &mut String, margin: &str) {
    for (number, row) in content(node).enumerate() {
        let cells: Vec<String> = content(row).map(cell).collect();
        line(&format!("| {} |", cells.join(" | ")), out, margin);
        if number == 0 {
            line(&format!("|{}", " --- |".repeat(cells.len())), out, margin);
        }
    }
}

/// A cell on one line: a table of Markdown has no room for more.
fn cell(node: &Value) -> String {
    let mut inner = String::new();
    blocks(node, &mut inner, "");
    let lines: Vec<&str> = inner.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" <br> ").replace('|', "\\|")
}

fn inline(node: &Value) -> String {
    content(node).map(leaf).collect()
}

fn leaf(node: &Value) -> String {
    let attrs = &node["attrs"];
    let first = |names: &[&str]| names.iter().find_map(|name| attrs[name].as_str()).unwrap_or_default().to_owned();
    match kind(node) {
        "text" => marked(node),
        "hardBreak" => "\n".to_owned(),
        "mention" => first(&["text", "id"]),
        "emoji" => first(&["text", "shortName"]),
        "inlineCard" | "blockCard" | "embedCard" => first(&["url"]),
        "status" => first(&["text"]),
        "date" => date(attrs),
        "media" | "mediaInline" => match first(&["alt", "url", "id"]) {
            name if name.is_empty() => "[attachment]".to_owned(),
            name => format!("[attachment: {name}]"),
        },
        _ => match inline(node) {
            text if text.is_empty() => node["text"].as_str().map_or_else(|| first(&["text", "title"]), str::to_owned),
            text => text,
        },
    }
}

/// A date is milliseconds as text.
fn date(attrs: &Value) -> String {
    let stamp = attrs["timestamp"].as_str().and_then(|text| text.parse::<i64>().ok()).or(attrs["timestamp"].as_i64());
    let day = stamp.and_then(|ms| time::OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000)).ok());
    day.map(|day| day.date().to_string()).unwrap_or_default()
}

fn marked(node: &Value) -> String {
    let text = node["text"].as_str().unwrap_or_default();
    // Marks that begin or end at a blank would not be read as such.
    let start = text.len() - text.trim_start().len();
    let end = text.trim_end().len().max(start);
    let (before, core, after) = (&text[..start], &text[start..end], &text[end..]);
    if core.is_empty() {
        return text.to_owned();
    }
    let mut core = core.to_owned();
    for mark in node["marks"].as_array().into_iter().flatten() {
        core = match kind(mark) {
            "strong" => format!("**{core}**"),
            "em" => format!("*{core}*"),
            "strike" => format!("~~{core}~~"),
            "code" => format!("`{core}`"),
            "link" => match mark["attrs"]["href"].as_str() {
                Some(href) if href != core => format!("[{core}]({href})"),
                _ => core,
            },
            _ => core,
        };
    }
    format!("{before}{core}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn doc(content: &Value) -> String {
        text(Some(&json!({"type": "doc", "version": 1, "content": content})))
    }

    fn paragraph(words: &str) -> Value {
        json!({"type": "paragraph", "content": [{"type": "text", "text": words}]})
    }

    #[test]
    fn should_leave_plain_text_as_it_is() {
        assert_eq!(text(Some(&json!("h1. *Wiki*\r\n{code}"))), "h1. *Wiki*\r\n{code}");
        assert_eq!(text(Some(&json!(null))), "");
        assert_eq!(text(None), "");
    }

    #[test]
    fn should_write_the_blocks_of_a_document_as_markdown() {
        let item = |words: &str| json!({"type": "listItem", "content": [paragraph(words)]});
        let nested = json!({"type": "listItem", "content": [
            paragraph("two"), {"type": "orderedList", "attrs": {"order": 3}, "content": [item("deep"), item("er")]},
        ]});
        let written = doc(&json!([
            {"type": "heading", "attrs": {"level": 2}, "content": [{"type": "text", "text": "Steps"}]},
            paragraph("First."),
            {"type": "bulletList", "content": [item("one"), nested]},
            {"type": "codeBlock", "attrs": {"language": "rust"}, "content": [{"type": "text", "text": "a\n```\nb"}]},
            {"type": "blockquote", "content": [paragraph("said"), paragraph("again")]},
            {"type": "rule"},
            {"type": "taskList", "content": [
                {"type": "taskItem", "attrs": {"state": "DONE"}, "content": [{"type": "text", "text": "did"}]},
                {"type": "taskItem", "attrs": {"state": "TODO"}, "content": [{"type": "text", "text": "do"}]},
            ]},
        ]));
        let expected = "## Steps\n\nFirst.\n\n- one\n- two\n  3. deep\n  4. er\n\n````rust\na\n```\nb\n````\n\n\
            > said\n>\n> again\n\n---\n\n- [x] did\n- [ ] do";
        assert_eq!(written, expected);
    }

    #[test]
    fn should_write_a_table_with_each_cell_on_one_line() {
        let cell = |words: &str| json!({"type": "tableCell", "content": [paragraph(words), paragraph("x|y")]});
        let row = json!({"type": "tableRow", "content": [cell("a"), cell("b")]});
        let expected = "| a <br> x\\|y | b <br> x\\|y |\n| --- | --- |\n| a <br> x\\|y | b <br> x\\|y |";
        assert_eq!(doc(&json!([{"type": "table", "content": [row, row]}])), expected);
    }

    #[test]
    fn should_write_what_stands_in_a_line() {
        let written = doc(&json!([{"type": "paragraph", "content": [
            {"type": "text", "text": "bold ", "marks": [{"type": "strong"}]},
            {"type": "text", "text": "here", "marks": [{"type": "link", "attrs": {"href": "https://example.org"}}]},
            {"type": "hardBreak"},
            {"type": "mention", "attrs": {"id": "5b", "text": "@Ana"}},
            {"type": "text", "text": " "},
            {"type": "emoji", "attrs": {"shortName": ":smile:", "text": "😀"}},
            {"type": "date", "attrs": {"timestamp": "1704067200000"}},
            {"type": "inlineCard", "attrs": {"url": "https://example.org/a"}},
        ]}]));
        assert_eq!(written, "**bold** [here](https://example.org)\n@Ana 😀2024-01-01https://example.org/a");
    }

    #[test]
    fn should_keep_what_stands_in_a_node_it_does_not_know() {
        let unknown = json!([
            {"type": "layoutSection", "content": [{"type": "layoutColumn", "content": [paragraph("left")]}]},
            {"type": "mediaSingle", "content": [{"type": "media", "attrs": {"alt": "screen.png"}}]},
            {"type": "novelty", "attrs": {"text": "new"}},
            7,
        ]);
        assert_eq!(doc(&unknown), "left\n\n[attachment: screen.png]\n\nnew");
    }
}
