//! Templates of the operator's own, and mistakes in them.

use std::fs;

use tempfile::TempDir;

use crate::mail::{Content, Links, Templates};
use crate::{comment, letter};

fn with(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = dir.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    dir
}

#[test]
fn should_use_the_operators_files_in_place_of_its_own() {
    let dir = with(&[
        ("en/notice.subject.txt", "Ticket\n{{ notice.code }}\n"),
        ("layout.html", "<html>Ours: {% block content %}{% endblock %}</html>"),
        ("en/.notice.txt.swp", "{{ nonsense"),
        (".git/config", "x"),
    ]);
    let templates = Templates::load(Some(dir.path())).unwrap();
    let links = Links { base_url: "https://example.org".to_owned(), unsubscribe: None };
    let rendered = templates.render(&letter("en", Content::Notice(comment("Yes."))), &links).unwrap();
    assert_eq!(rendered.subject, "Ticket SYNC-101");
    assert!(rendered.html.starts_with("<html>Ours:"), "{}", rendered.html);
    assert!(rendered.text.contains("@ben commented on SYNC-101"), "{}", rendered.text);
    let spanish = templates.render(&letter("es", Content::Welcome), &links).unwrap();
    assert_eq!(spanish.subject, "Te damos la bienvenida a SyncroBoard");
}

#[test]
fn should_refuse_a_broken_template_with_its_file_its_line_and_what_is_wrong() {
    for (name, text, line, message) in [
        ("en/notice.txt", "fine\n{% if %}\n", 2, "syntax error"),
        ("es/welcome.txt", "a\nb\n{{ nombre }}\n", 3, "undefined value"),
        ("en/welcome.html", "{{ name }}\n{{ notice.title }}", 2, "undefined value"),
        ("es/digest.html", "{% for notice in notices %}\n{{ notice.titel }}\n{% endfor %}", 2, "undefined value"),
        ("en/notice.txt", "{% if notice.kind == 'ticket.deleted' %}\n\n{{ oops }}{% endif %}", 3, "undefined value"),
        ("en/notice.txt", "{% if not notice.actor %}\n{{ oops }}{% endif %}", 2, "undefined value"),
        ("en/notice.html", "\n{% if unsubscribe %}{{ oops }}{% endif %}", 2, "undefined value"),
        ("en/digest.txt", "{{ name | shout }}", 1, "unknown filter"),
        (
            "es/phrases.txt",
            "{% macro did(n) %}\n{{ n.x.y }}{% endmacro %}{% macro why(n) %}{% endmacro %}",
            2,
            "undefined",
        ),
        ("en/phrases.txt", "{% macro did(n) %}{% endmacro %}", 1, "undefined"),
        ("en/welcome.subject.txt", "{# nothing #}\n", 1, "the subject is empty"),
        ("layout.html", "{% include 'en/none.html' %}", 1, "template not found"),
    ] {
        let dir = with(&[(name, text)]);
        let error = Templates::load(Some(dir.path())).expect_err(text).to_string();
        // What another file misses is told where it is missed.
        let place = if text.contains("why") || !name.contains("phrases") {
            format!("{}:{line}: ", dir.path().join(name).display())
        } else {
            "en/".to_owned()
        };
        assert!(error.contains(&place), "{error} does not name {place}");
        assert!(error.contains(message), "{error} does not say {message}");
    }
}

#[test]
fn should_refuse_a_file_that_replaces_nothing_and_name_those_that_there_are() {
    for name in ["en/notices.txt", "notice.txt", "fr/notice.txt", "en/old/notice.txt", "README.md"] {
        let dir = with(&[(name, "text")]);
        let error = Templates::load(Some(dir.path())).expect_err(name).to_string();
        let unknown = if name.starts_with("fr/") { "fr" } else { name.strip_suffix("/notice.txt").unwrap_or(name) };
        assert!(error.contains(unknown) && error.contains("no such template"), "{error}");
        assert!(error.contains("en/notice.subject.txt, ") && error.contains("layout.html"), "{error}");
    }
}

#[test]
fn should_refuse_what_it_cannot_read() {
    let dir = with(&[]);
    assert!(Templates::load(Some(&dir.path().join("none"))).is_err());
    fs::create_dir(dir.path().join("en")).unwrap();
    fs::write(dir.path().join("en/notice.txt"), b"\xff").unwrap();
    let error = Templates::load(Some(dir.path())).unwrap_err().to_string();
    assert!(error.contains("en/notice.txt"), "{error}");
}
