//! E-mails: the words, the mail that is made of them, and how it leaves, by a mail server of the test's own or as a file.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail where it stands")]

mod broken_templates;
mod compose;
mod files;
mod rendering;
mod server;
mod smtp;
mod unsubscribe;

use std::path::PathBuf;
use std::sync::LazyLock;

use connectors::mail;
use uuid::Uuid;

use crate::mail::{Composed, Composer, ComposerConfig, Content, Letter, Notice, Templates};

const MAIL: Uuid = Uuid::from_u128(0x0a11);
const TICKET: Uuid = Uuid::from_u128(0x71c2);
const ADA: Uuid = Uuid::from_u128(0xada);
const KEY: &[u8] = b"a key for tests, long enough";
/// Sunday, 1 March 2026, 14:05:06 UTC.
const NOW: i64 = 1_772_373_906_000;

fn fixtures(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mail").join(folder)
}

fn letter(locale: &str, content: Content) -> Letter {
    Letter {
        id: MAIL,
        to: "ada@example.org".to_owned(),
        name: "Ada".to_owned(),
        locale: locale.to_owned(),
        user_id: ADA,
        at: NOW,
        content,
    }
}

fn notice(kind: &str, reason: &str) -> Notice {
    Notice {
        kind: kind.to_owned(),
        reason: reason.to_owned(),
        ticket_id: TICKET,
        number: 101,
        code: "SYNC-101".to_owned(),
        title: "Checkout <fails> on iOS & Android".to_owned(),
        actor: "ben".to_owned(),
        assignee: String::new(),
        to_recipient: false,
        detail: String::new(),
        at: NOW,
    }
}

fn comment(markdown: &str) -> Notice {
    Notice { detail: markdown.to_owned(), ..notice("ticket.commented", "watcher") }
}

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| Templates::load(None).unwrap());

static COMPOSER: LazyLock<Composer> = LazyLock::new(|| {
    let (from, base_url) = ("SyncroBoard <no-reply@mail.example.org>", "https://example.org/");
    let mut config = ComposerConfig::new(from, base_url, TEMPLATES.clone());
    config.unsubscribe_key = Some(KEY.to_vec());
    Composer::new(config).unwrap()
});

fn composed(letter: &Letter) -> Composed {
    COMPOSER.compose(letter).unwrap()
}
