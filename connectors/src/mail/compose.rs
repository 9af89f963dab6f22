//! Makes the mail of a letter: headers, two bodies that say the same, and who it is handed to.
//!
//! What people wrote ends up in headers, where a line break begins the next one, and lettre 0.11 lets a lone CR or LF through
//! to the server (RUSTSEC-2026-0561). So whatever has control characters is refused before lettre sees it, bodies are always
//! quoted-printable, and the finished mail is looked through once more.

use std::time::{Duration, SystemTime};

use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use url::Url;
use uuid::Uuid;

use super::{Content, Letter, Links, TemplateError, Templates, unsubscribe};

/// What a mail can be dated: until the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;
/// A line without its CRLF; RFC 5322, section 2.1.1.
const LINE_BYTES: usize = 998;
/// So that a line with a link in it is not too long.
const BASE_URL_BYTES: usize = 300;
/// A key that is shorter could be guessed.
const KEY_BYTES: usize = 16;

/// What a [`Composer`] is made of.
#[non_exhaustive]
pub struct ComposerConfig {
    /// Whom the mails are from: `SyncroBoard <no-reply@example.org>`.
    pub from: String,
    /// Where the site is: `https://example.org`.
    pub base_url: String,
    /// What unsubscribe links are signed with, at least 16 bytes; none: there are no such links.
    pub unsubscribe_key: Option<Vec<u8>>,
    /// What the mails say.
    pub templates: Templates,
}

impl ComposerConfig {
    /// Mails without unsubscribe links.
    pub fn new(from: impl Into<String>, base_url: impl Into<String>, templates: Templates) -> Self {
        Self { from: from.into(), base_url: base_url.into(), unsubscribe_key: None, templates }
    }
}

/// Makes mails.
pub struct Composer {
    from: Mailbox,
    base_url: String,
    unsubscribe_key: Option<Vec<u8>>,
    templates: Templates,
}

/// A mail that is ready to be handed over.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Composed {
    /// The letter's id.
    pub id: Uuid,
    /// The address it goes to.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// Its Message-ID, with the angle brackets.
    pub message_id: String,
    /// Headers and bodies as they are sent, with CRLF between lines.
    pub bytes: Vec<u8>,
    pub(super) sender: Address,
    pub(super) recipient: Address,
}

/// A [`Composer`] cannot be made of this.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComposerError {
    /// The sender is not one that mails can come from.
    #[error("mail: from {from:?} is not a sender such as SyncroBoard <no-reply@example.org>: {reason}")]
    From {
        /// What was given.
        from: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Links cannot begin with this.
    #[error("mail: base URL {base_url:?} is not an address such as https://example.org: {reason}")]
    BaseUrl {
        /// What was given.
        base_url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The key could be guessed.
    #[error("mail: the key for unsubscribe links has {0} bytes and needs at least 16")]
    ShortKey(usize),
}

/// No mail can be made of a letter, however often it is tried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// The address is not one.
    #[error("mail address {address:?}: {reason}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There are line breaks or other control characters in what is to be a header.
    #[error("mail header {header}: control characters in {value:?}")]
    Header {
        /// Which header.
        header: &'static str,
        /// What was to be in it.
        value: String,
    },
    /// No mail can be dated so.
    #[error("mail date: {0} ms after the epoch is no time for a mail")]
    Date(i64),
    /// There is nothing to say.
    #[error("a digest of nothing")]
    EmptyDigest,
    /// It cannot be put into words.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// What came out cannot be sent.
    #[error("mail: {0}")]
    Format(String),
}

impl Composer {
    /// A composer of this.
    ///
    /// # Errors
    /// [`ComposerError`].
    pub fn new(config: ComposerConfig) -> Result<Self, ComposerError> {
        let ComposerConfig { from, base_url, unsubscribe_key, templates } = config;
        let from = sender(&from).map_err(|reason| ComposerError::From { from, reason })?;
        let base_url = base(&base_url).map_err(|reason| ComposerError::BaseUrl { base_url, reason })?;
        match &unsubscribe_key {
            Some(key) if key.len() < KEY_BYTES => Err(ComposerError::ShortKey(key.len())),
            _ => Ok(Self { from, base_url, unsubscribe_key, templates }),
        }
    }

    /// Makes the mail of a letter. The same letter makes the same bytes.
    ///
    /// # Errors
    /// [`ComposeError`], all of which last.
    pub fn compose(&self, letter: &Letter) -> Result<Composed, ComposeError> {
        if matches!(&letter.content, Content::Digest { notices, .. } if notices.is_empty()) {
            return Err(ComposeError::EmptyDigest);
        }
        let recipient = address(&letter.to)?;
        let name = harmless("To", letter.name.trim())?;
        let to = Mailbox::new((!name.is_empty()).then(|| name.to_owned()), recipient.clone());
        let links = Links { base_url: self.base_url.clone(), unsubscribe: self.unsubscribe_link(letter) };
        let rendered = self.templates.render(letter, &links)?;
        let subject = harmless("Subject", &rendered.subject)?;
        let message_id = self.message_id(&letter.id.to_string());

        let wrong = |error: lettre::error::Error| ComposeError::Format(error.to_string());
        let sender = self.from.email.clone();
        let envelope = Envelope::new(Some(sender.clone()), vec![recipient.clone()]).map_err(wrong)?;
        let mut message = Message::builder()
            .envelope(envelope)
            .date(date(letter.at)?)
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .message_id(Some(message_id.clone()))
            .raw_header(header("Auto-Submitted", "auto-generated"));
        if let Content::Notice(notice) = &letter.content {
            let thread = self.message_id(&format!("ticket-{}", notice.ticket_id));
            message = message.in_reply_to(thread.clone()).references(thread);
        }
        if let Some(link) = &links.unsubscribe {
            message = message
                .raw_header(header("List-Unsubscribe", &format!("<{link}>")))
                .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
        }
        // No line of a quoted-printable body begins with this.
        let boundary = format!("=_{}", letter.id.simple());
        let bodies = MultiPart::alternative()
            .boundary(boundary)
            .singlepart(part(ContentType::TEXT_PLAIN, rendered.text))
            .singlepart(part(ContentType::TEXT_HTML, rendered.html));
        let bytes = message.multipart(bodies).map_err(wrong)?.formatted();
        check_lines(&bytes)?;
        let (id, to, subject) = (letter.id, letter.to.clone(), subject.to_owned());
        Ok(Composed { id, to, subject, message_id, bytes, sender, recipient })
    }

    fn message_id(&self, id: &str) -> String {
        format!("<{id}@{}>", self.from.email.domain())
    }

    fn unsubscribe_link(&self, letter: &Letter) -> Option<String> {
        let key = self.unsubscribe_key.as_ref()?;
        Some(format!("{}/unsubscribe?token={}", self.base_url, unsubscribe::sign(key, &letter.user_id)))
    }
}

/// Message-IDs are made of its domain, so it is ASCII.
fn sender(from: &str) -> Result<Mailbox, String> {
    if from.chars().any(char::is_control) {
        return Err("there are control characters in it".to_owned());
    }
    let mailbox: Mailbox = from.parse().map_err(|error: lettre::address::AddressError| error.to_string())?;
    if !mailbox.email.domain().contains('.') && mailbox.email.domain() != "localhost" {
        return Err("its domain has no dot".to_owned());
    }
    let address: &str = mailbox.email.as_ref();
    if address.is_ascii() { Ok(mailbox) } else { Err("its address is not ASCII".to_owned()) }
}

/// The URL without a slash at the end.
fn base(base_url: &str) -> Result<String, String> {
    let base_url = base_url.trim_end_matches('/');
    let parsed = Url::parse(base_url).map_err(|error| error.to_string())?;
    let problem = if !matches!(parsed.scheme(), "http" | "https") {
        "it is neither http nor https"
    } else if !base_url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"')) {
        "it has characters that have to be percent-encoded"
    } else if parsed.query().is_some() || parsed.fragment().is_some() {
        "it has a query or a fragment"
    } else if base_url.len() > BASE_URL_BYTES {
        "it is longer than 300 bytes"
    } else {
        return Ok(base_url.to_owned());
    };
    Err(problem.to_owned())
}

/// Quotes, brackets and white space, which are allowed in theory, are in no address that people use.
fn address(text: &str) -> Result<Address, ComposeError> {
    let wrong = |reason: String| ComposeError::Address { address: text.to_owned(), reason };
    match text.chars().find(|c| c.is_control() || c.is_whitespace() || "<>()[]\",;:\\".contains(*c)) {
        Some(c) => Err(wrong(format!("{c:?} is not for an address"))),
        None => text.parse().map_err(|error: lettre::address::AddressError| wrong(error.to_string())),
    }
}

fn harmless<'a>(header: &'static str, value: &'a str) -> Result<&'a str, ComposeError> {
    if value.chars().any(char::is_control) {
        return Err(ComposeError::Header { header, value: value.to_owned() });
    }
    Ok(value)
}

fn date(at: i64) -> Result<SystemTime, ComposeError> {
    let since_epoch = u64::try_from(at).map(Duration::from_millis).map_err(|_| ComposeError::Date(at))?;
    if since_epoch.as_secs() > LAST_SECOND {
        return Err(ComposeError::Date(at));
    }
    Ok(SystemTime::UNIX_EPOCH + since_epoch)
}

/// A header of printable ASCII that is not folded: its value is one of ours.
fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.to_owned(), value.to_owned())
}

fn part(content_type: ContentType, body: String) -> SinglePart {
    SinglePart::builder().header(content_type).header(ContentTransferEncoding::QuotedPrintable).body(body)
}

/// Whether lines end in CRLF, all of them and in no other way, and none is too long.
fn check_lines(bytes: &[u8]) -> Result<(), ComposeError> {
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        if !rest[end..].starts_with(b"\r\n") {
            return Err(ComposeError::Format("a line that does not end in CRLF".to_owned()));
        }
        if end > LINE_BYTES {
            return Err(ComposeError::Format(format!("a line of {end} bytes")));
        }
        rest = &rest[end + 2..];
    }
    if rest.is_empty() { Ok(()) } else { Err(ComposeError::Format("a last line without an end".to_owned())) }
}
