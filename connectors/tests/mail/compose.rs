//! The mail that is made of a letter, read back by somebody else's parser.

use mail_parser::{HeaderValue, Message, MessageParser, MimeHeaders};

use crate::mail::{ComposeError, Composer, ComposerConfig, ComposerError, Content, Letter, Links, Notice, unsubscribe};
use crate::{ADA, COMPOSER, KEY, MAIL, NOW, TEMPLATES, TICKET, comment, composed, letter, notice};

fn parsed(bytes: &[u8]) -> Message<'_> {
    MessageParser::default().parse(bytes).unwrap()
}

fn text_of(value: Option<&HeaderValue<'_>>) -> Option<String> {
    Some(value?.as_text()?.to_owned())
}

#[test]
fn should_carry_the_words_in_two_bodies_under_the_right_headers() {
    let letter =
        Letter { name: "Ada Núñez, dev".to_owned(), ..letter("es", Content::Notice(comment("…\n.\n..x\nç"))) };
    let mail = composed(&letter);
    let read = parsed(&mail.bytes);
    let unsubscribe = format!("https://example.org/unsubscribe?token={}", unsubscribe::sign(KEY, &ADA));
    let links = Links { base_url: "https://example.org".to_owned(), unsubscribe: Some(unsubscribe.clone()) };
    let words = TEMPLATES.render(&letter, &links).unwrap();

    assert_eq!(read.subject(), Some(words.subject.as_str()));
    assert_eq!(read.body_text(0).unwrap().replace("\r\n", "\n"), words.text);
    assert_eq!(read.body_html(0).unwrap().replace("\r\n", "\n"), words.html);
    let (from, to) = (read.from().unwrap().first().unwrap(), read.to().unwrap().first().unwrap());
    assert_eq!((from.name(), from.address()), (Some("SyncroBoard"), Some("no-reply@mail.example.org")));
    assert_eq!((to.name(), to.address()), (Some("Ada Núñez, dev"), Some("ada@example.org")));
    assert_eq!(read.date().unwrap().to_timestamp() * 1000, NOW);
    assert_eq!(read.message_id(), Some(format!("{MAIL}@mail.example.org").as_str()));
    assert_eq!(mail.message_id, format!("<{MAIL}@mail.example.org>"));
    assert_eq!(text_of(read.header("Auto-Submitted")).as_deref(), Some("auto-generated"));
    assert_eq!(text_of(read.header("List-Unsubscribe-Post")).as_deref(), Some("List-Unsubscribe=One-Click"));
    let head = String::from_utf8_lossy(&mail.bytes).replace("\r\n ", " ");
    assert!(head.contains(&format!("\r\nList-Unsubscribe: <{unsubscribe}>\r\n")), "{head}");
    assert!(read.content_type().is_some_and(|kind| kind.subtype() == Some("alternative")));
    assert_eq!((mail.id, mail.to.as_str(), mail.subject), (MAIL, "ada@example.org", words.subject));
}

/// Without a long line in them, plain words could go out as they are.
#[test]
fn should_encode_bodies_even_of_plain_words() {
    let config = ComposerConfig::new("a@example.org", "https://example.org", TEMPLATES.clone());
    let letter = letter("en", Content::Notice(notice("ticket.deleted", "watcher")));
    let mail = Composer::new(config).unwrap().compose(&letter).unwrap();
    let read = parsed(&mail.bytes);
    assert_eq!(read.parts.len(), 3);
    for part in &read.parts[1..] {
        assert_eq!(part.content_transfer_encoding(), Some("quoted-printable"));
    }
}

#[test]
fn should_make_the_same_bytes_of_the_same_letter() {
    let letter = letter("en", Content::Notice(comment("Again.")));
    assert_eq!(composed(&letter).bytes, composed(&letter).bytes);
}

#[test]
fn should_put_the_mails_of_one_ticket_together_and_no_others() {
    let thread = format!("ticket-{TICKET}@mail.example.org");
    let of = |content: Content| composed(&letter("en", content)).bytes;
    for kind in ["ticket.created", "ticket.commented", "ticket.deleted"] {
        let bytes = of(Content::Notice(notice(kind, "watcher")));
        let read = parsed(&bytes);
        assert_eq!(read.references().as_text(), Some(thread.as_str()), "{kind}");
        assert_eq!(read.in_reply_to().as_text(), Some(thread.as_str()), "{kind}");
        assert_eq!(read.subject(), Some("[SYNC-101] Checkout <fails> on iOS & Android"), "{kind}");
    }
    for content in [Content::Welcome, Content::Digest { notices: vec![notice("ticket.created", "watcher")], more: 0 }] {
        let bytes = of(content);
        let read = parsed(&bytes);
        assert!(read.references().is_empty() && read.in_reply_to().is_empty());
    }
}

#[test]
fn should_have_no_unsubscribe_headers_without_a_key() {
    let config = ComposerConfig::new("a@example.org", "https://example.org", TEMPLATES.clone());
    let composer = Composer::new(config).unwrap();
    let mail = composer.compose(&letter("en", Content::Welcome)).unwrap();
    assert!(!String::from_utf8(mail.bytes).unwrap().to_lowercase().contains("unsubscribe"));
}

#[test]
fn should_refuse_addresses_that_are_none() {
    for to in [
        "",
        "ada",
        "ada@",
        "@example.org",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org\n",
        "ada@example.org\r",
        "ada\0@example.org",
        "\"a\r\nRCPT TO:<eve@example.org>\"@example.org",
        "\"a b\"@example.org",
        "ada@example.org> SIZE=1",
        "ada@example.org, eve@example.org",
        "Ada <ada@example.org>",
        "ada@exa mple.org",
    ] {
        let error = COMPOSER.compose(&Letter { to: to.to_owned(), ..letter("en", Content::Welcome) }).unwrap_err();
        assert!(matches!(error, ComposeError::Address { .. }), "{to:?}: {error}");
        assert!(!error.to_string().contains(['\r', '\n']), "{error}");
    }
}

#[test]
fn should_refuse_control_characters_in_the_recipients_name() {
    for name in ["Ada\r\nBcc: eve@example.org", "A\nda", "A\rda", "A\u{0}da", "A\u{7f}da", "A\u{85}da"] {
        let error = COMPOSER.compose(&Letter { name: name.to_owned(), ..letter("en", Content::Welcome) }).unwrap_err();
        assert!(matches!(error, ComposeError::Header { header: "To", .. }), "{name:?}: {error}");
        assert!(!error.to_string().contains(['\r', '\n']), "{error}");
    }
}

#[test]
fn should_let_no_title_begin_a_header_of_its_own() {
    let mut hostile = notice("ticket.created", "watcher");
    hostile.title = "Hello\r\nBcc: eve@example.org\r\n\r\nbody".to_owned();
    hostile.code = "S-1\nX: y".to_owned();
    let mail = composed(&letter("en", Content::Notice(hostile)));
    let read = parsed(&mail.bytes);
    assert!(read.bcc().is_none() && read.header("X").is_none());
    assert_eq!(read.subject(), Some("[S-1 X: y] Hello Bcc: eve@example.org body"));
}

#[test]
fn should_have_no_line_break_but_crlf_and_no_long_line_whatever_people_write() {
    let mut wild = comment(&format!("a\rb\nc\r\nd\u{0}e\u{b}f\n.\n\n..\n{}", "x".repeat(5000)));
    wild.title = "é".repeat(900);
    let notices = vec![wild.clone(), Notice { title: "y".repeat(2000), ..wild.clone() }];
    for content in [Content::Notice(wild), Content::Digest { notices, more: 0 }] {
        let mail = composed(&letter("en", content));
        let text = String::from_utf8(mail.bytes).unwrap();
        assert!(text.is_ascii() && text.ends_with("\r\n"));
        assert!(!text.replace("\r\n", "").contains(|c: char| c.is_control() && c != '\t'));
        assert!(text.split("\r\n").all(|line| line.len() <= 78 * 2), "{text}");
    }
}

#[test]
fn should_refuse_times_that_no_mail_has_and_digests_of_nothing() {
    for at in [-1, i64::MIN, i64::MAX, 253_402_300_800_000] {
        let error = COMPOSER.compose(&Letter { at, ..letter("en", Content::Welcome) }).unwrap_err();
        assert!(matches!(error, ComposeError::Date(_)), "{error}");
    }
    assert!(COMPOSER.compose(&Letter { at: 253_402_300_799_999, ..letter("en", Content::Welcome) }).is_ok());
    let error = COMPOSER.compose(&letter("en", Content::Digest { notices: Vec::new(), more: 0 })).unwrap_err();
    assert!(matches!(error, ComposeError::EmptyDigest), "{error}");
}

#[test]
fn should_not_be_made_of_a_sender_an_address_or_a_key_that_cannot_be() {
    let with = |from: &str, base_url: &str, key: Option<&[u8]>| {
        let mut config = ComposerConfig::new(from, base_url, TEMPLATES.clone());
        config.unsubscribe_key = key.map(<[u8]>::to_vec);
        Composer::new(config).map(|_| ())
    };
    let (from, base_url) = ("SyncroBoard <no-reply@example.org>", "http://localhost:8080");
    with(from, base_url, None).unwrap();
    for wrong in
        ["", "SyncroBoard", "a@example.org\r\nBcc: b@example.org", "á@example.org", "a@example", "a@exämple.org"]
    {
        let error = with(wrong, base_url, None).unwrap_err();
        assert!(matches!(error, ComposerError::From { .. }), "{wrong}: {error}");
    }
    for wrong in
        ["", "example.org", "ftp://example.org", "https://example.org/?a=b", "https://example.org/a b", "https://e>"]
    {
        let error = with(from, wrong, None).unwrap_err();
        assert!(matches!(error, ComposerError::BaseUrl { .. }), "{wrong}: {error}");
    }
    let error = with(from, base_url, Some(b"short")).unwrap_err();
    assert!(matches!(error, ComposerError::ShortKey(5)), "{error}");
}
