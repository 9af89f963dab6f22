//! The words, in both languages, held against files. `UPDATE_SNAPSHOTS=1` writes them anew.

use std::collections::BTreeSet;
use std::fs;

use crate::mail::{Content, Letter, Links, Notice, Rendered};
use crate::{NOW, TEMPLATES, comment, fixtures, letter, notice};

const COMMENT: &str = "It **still** fails, see [the log](https://logs.example.org/7):\n\n> out of `memory`";

fn rendered(letter: &Letter) -> Rendered {
    let unsubscribe = Some("https://example.org/unsubscribe?token=abc".to_owned());
    let links = Links { base_url: "https://example.org".to_owned(), unsubscribe };
    TEMPLATES.render(letter, &links).unwrap()
}

fn assigned(to: &str, to_recipient: bool) -> Notice {
    let reason = if to_recipient { "assignee" } else { "watcher" };
    Notice { assignee: to.to_owned(), to_recipient, ..notice("ticket.assigned", reason) }
}

fn moved(status: &str, actor: &str) -> Notice {
    let (actor, detail) = (actor.to_owned(), status.to_owned());
    Notice { actor, detail, ..notice("ticket.status.updated", "reporter") }
}

fn cases() -> Vec<(&'static str, Content)> {
    let earlier = Notice { at: NOW - 3_600_000, ..moved("REVIEW", "") };
    let digest = vec![comment(COMMENT), notice("ticket.deleted", "reporter"), earlier];
    vec![
        ("welcome", Content::Welcome),
        ("created", Content::Notice(notice("ticket.created", "assignee"))),
        ("updated", Content::Notice(notice("ticket.updated", "watcher"))),
        ("moved", Content::Notice(moved("IN_PROGRESS", "ben"))),
        ("moved_automatically", Content::Notice(moved("DONE", ""))),
        ("assigned_to_you", Content::Notice(assigned("ada", true))),
        ("assigned_to_other", Content::Notice(assigned("carla", false))),
        ("unassigned", Content::Notice(notice("ticket.unassigned", "assignee"))),
        ("commented", Content::Notice(comment(COMMENT))),
        ("mentioned", Content::Notice(Notice { reason: "mentioned".to_owned(), ..comment("@ada, have a look?") })),
        ("deleted", Content::Notice(notice("ticket.deleted", "reporter"))),
        ("digest_and_more", Content::Digest { notices: digest.clone(), more: 12 }),
        ("digest", Content::Digest { notices: digest, more: 0 }),
        ("digest_of_one", Content::Digest { notices: vec![notice("ticket.created", "mentioned")], more: 0 }),
    ]
}

#[test]
fn should_say_in_both_languages_what_the_snapshots_say() {
    let (dir, update) = (fixtures("snapshots"), std::env::var_os("UPDATE_SNAPSHOTS").is_some());
    let (mut expected, mut wrong) = (BTreeSet::new(), Vec::new());
    for locale in ["en", "es"] {
        for (case, content) in cases() {
            let Rendered { subject, text, html } = rendered(&letter(locale, content));
            for (extension, is) in [("txt", format!("Subject: {subject}\n\n{text}")), ("html", html)] {
                let name = format!("{locale}_{case}.{extension}");
                if update {
                    fs::write(dir.join(&name), &is).unwrap();
                } else if fs::read_to_string(dir.join(&name)).ok().as_ref() != Some(&is) {
                    wrong.push(format!("{name} is now:\n{is}"));
                }
                expected.insert(name);
            }
        }
    }
    let hint = "If the words are meant to have changed, run with UPDATE_SNAPSHOTS=1 and look at the difference.";
    assert!(wrong.is_empty(), "{}\n{hint}", wrong.join("\n"));
    let there = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(
        there.collect::<BTreeSet<_>>(),
        expected,
        "files on the left that no case on the right writes, or missing"
    );
}

#[test]
fn should_write_english_to_those_whose_language_it_does_not_speak() {
    let subject = |locale: &str| rendered(&letter(locale, Content::Welcome)).subject;
    let (english, spanish) = ("Welcome to SyncroBoard", "Te damos la bienvenida a SyncroBoard");
    for (locale, expected) in
        [("en", english), ("de", english), ("", english), ("est", english), ("es-MX", spanish), ("ES_es", spanish)]
    {
        assert_eq!(subject(locale), expected, "{locale}");
    }
}

#[test]
fn should_leave_out_the_unsubscribe_link_where_there_is_none() {
    let links = Links { base_url: "https://example.org".to_owned(), unsubscribe: None };
    for (case, content) in cases() {
        let Rendered { text, html, .. } = TEMPLATES.render(&letter("en", content), &links).unwrap();
        assert!(!text.contains("nsubscribe") && !html.contains("nsubscribe"), "{case}: {text}");
    }
}

#[test]
fn should_fold_a_subject_into_one_line_and_shorten_it() {
    let with = |title: &str| {
        let notice = Notice { title: title.to_owned(), ..notice("ticket.created", "watcher") };
        rendered(&letter("en", Content::Notice(notice))).subject
    };
    assert_eq!(with("  two\r\n lines,\ta tab\u{0} and\u{2028}more "), "[SYNC-101] two lines, a tab and more");
    let long = with(&"é".repeat(500));
    assert_eq!(long.chars().count(), 200);
    assert!(long.ends_with("é…"), "{long}");
}

#[test]
fn should_let_nothing_harmful_out_of_a_comment() {
    let html = |markdown: &str| rendered(&letter("en", Content::Notice(comment(markdown)))).html;
    for (markdown, harmful) in [
        ("<script>alert(1)</script>", "alert"),
        ("<style>p { color: red }</style>", "color: red"),
        ("![a cat](https://example.net/cat.png)", "cat.png"),
        ("<img src=x onerror=alert(1)>", "onerror"),
        ("<p onclick='alert(1)'>x</p>", "onclick"),
        ("<p style='position:fixed'>x</p>", "position"),
        ("<form action='https://example.net'><input></form>", "<form"),
        ("[x](javascript:alert(1))", "javascript"),
        ("[x](data:text/html,1)", "data:"),
        ("[x](/tickets)", "href=\"/tickets"),
        ("<iframe src='https://example.net'></iframe>", "iframe"),
        ("</blockquote></div></body>", "</blockquote></div></body>\n</blockquote>"),
    ] {
        let html = html(markdown);
        assert!(!html.contains(harmful), "{markdown}: {html}");
    }
    assert!(html("![a cat](https://example.net/cat.png)").contains("a cat"));
    let link = html("[x](https://example.net/?a=1&b=2)");
    assert!(link.contains(r#"<a href="https://example.net/?a=1&amp;b=2" rel="nofollow noopener">x</a>"#), "{link}");
}

#[test]
fn should_escape_what_people_wrote_in_html_and_leave_it_alone_in_text() {
    let mut hostile = comment("1 < 2");
    hostile.title = "<b>\"bold\"</b>".to_owned();
    hostile.actor = "<i>".to_owned();
    let Rendered { text, html, .. } = rendered(&letter("en", Content::Notice(hostile)));
    assert!(text.contains("@<i> commented on SYNC-101: <b>\"bold\"</b>\n\n1 < 2\n"), "{text}");
    assert!(!html.contains("<b>") && !html.contains("<i>"), "{html}");
    assert!(html.contains("&lt;b&gt;") && html.contains("@&lt;i&gt;") && html.contains("1 &lt; 2"), "{html}");
}

#[test]
fn should_take_nothing_from_elsewhere_into_html() {
    for (case, content) in cases() {
        let html = rendered(&letter("en", content)).html;
        for word in ["<img", "<link", "<script", "src=", "url(", "@import"] {
            assert!(!html.contains(word), "{case}: {word}");
        }
    }
}
