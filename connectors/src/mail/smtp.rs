//! Hands mails to a mail server.
//!
//! | what the server says | what it means |
//! |---|---|
//! | nothing, nonsense, 421, 4xx to us | [`Failure::Passing`] |
//! | 4xx to the recipient or the mail | [`Failure::Deferred`] |
//! | 5xx to the recipient or the mail | [`Failure::Refused`] |
//! | 5xx to us: greeting, STARTTLS, login, sender, or 530, 534, 535, 538 at any time; no TLS, or none to be trusted | [`Failure::Broken`] |

use std::error::Error as _;
use std::io;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::DEFAULT_MECHANISMS;
use lettre::transport::smtp::client::{SmtpConnection, Tls};
use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};

use super::server::{Server, SmtpUrlError};
use super::values::one_line;
use super::{Composed, Deliver, Failure};

/// How much of what a server says is told.
const REASON_CHARS: usize = 400;
/// How long to wait for an answer to QUIT.
const FAREWELL: Duration = Duration::from_secs(1);

/// Which server, and how long to wait for it.
#[derive(Clone)]
#[non_exhaustive]
pub struct SmtpConfig {
    /// `smtp[s]://[user:password@]host[:port][/name to greet with][?tls=required|opportunistic|none]`, with user and password
    /// percent-encoded. `smtps` encrypts from the start (port 465). `smtp` does so with STARTTLS if it is required or the
    /// server can (port 587), and otherwise sends all in the clear, the password too (port 25).
    pub url: String,
    /// How long to wait for each answer.
    pub timeout: Duration,
    /// Certificates, in PEM, that vouch for the server beside those that the system trusts.
    pub ca_pem: Option<String>,
}

impl SmtpConfig {
    /// Trusts what the system trusts, and waits 30 s.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), timeout: Duration::from_secs(30), ca_pem: None }
    }
}

impl std::fmt::Debug for SmtpConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpConfig").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// A mail server. Its connection is kept for the next mail.
pub struct Smtp {
    server: Server,
    timeout: Duration,
    connection: Option<SmtpConnection>,
}

/// What was being done when the server refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Connect,
    LogIn,
    Sender,
    Recipient,
    Content,
}

impl Smtp {
    /// Does not connect yet.
    ///
    /// # Errors
    /// [`SmtpUrlError`].
    pub fn new(config: &SmtpConfig) -> Result<Self, SmtpUrlError> {
        Ok(Self {
            server: Server::parse(&config.url, config.ca_pem.as_deref())?,
            timeout: config.timeout,
            connection: None,
        })
    }

    /// One more way to the same server, with a connection of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { server: self.server.clone(), timeout: self.timeout, connection: None }
    }

    fn connect(&self) -> Result<SmtpConnection, Failure> {
        let Server { host, port, tls, credentials, hello } = &self.server;
        let wrapper = if let Tls::Wrapper(parameters) = tls { Some(parameters) } else { None };
        let to = (host.as_str(), *port);
        let mut connection =
            SmtpConnection::connect(to, Some(self.timeout), hello, wrapper, None).map_err(at(Step::Connect))?;
        match tls {
            Tls::Opportunistic(_) if !connection.can_starttls() => {}
            Tls::Required(parameters) | Tls::Opportunistic(parameters) => {
                connection.starttls(parameters, hello).map_err(at(Step::Connect))?;
            }
            Tls::None | Tls::Wrapper(_) => {}
        }
        if let Some(credentials) = credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).map_err(at(Step::LogIn))?;
        }
        Ok(connection)
    }
}

impl Deliver for Smtp {
    fn deliver(&mut self, mail: &Composed) -> Result<(), Failure> {
        // The server may have closed it meanwhile, or may be in the middle of a mail that it refused.
        let kept = self.connection.take().and_then(|mut kept| kept.command(Rset).is_ok().then_some(kept));
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let handed_over = hand_over(&mut connection, mail);
        // After silence, nobody knows what the next answer is to.
        if !matches!(handed_over, Err(Failure::Passing(_))) {
            self.connection = Some(connection);
        }
        handed_over
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.connection {
            // It is polite to say so, and not worth waiting for.
            let _ = connection.set_timeout(Some(self.timeout.min(FAREWELL)));
            let _ = connection.command(Quit);
        }
    }
}

fn hand_over(connection: &mut SmtpConnection, mail: &Composed) -> Result<(), Failure> {
    let parameters = parameters(connection, mail)?;
    connection.command(Mail::new(Some(mail.sender.clone()), parameters)).map_err(at(Step::Sender))?;
    connection.command(Rcpt::new(mail.recipient.clone(), Vec::new())).map_err(at(Step::Recipient))?;
    connection.command(Data).map_err(at(Step::Content))?;
    connection.message(&mail.bytes).map_err(at(Step::Content))?;
    Ok(())
}

/// What the server has to know, and be able to do, for an address that is not ASCII.
fn parameters(connection: &SmtpConnection, mail: &Composed) -> Result<Vec<MailParameter>, Failure> {
    let mut parameters = Vec::new();
    let mut need = |needed: bool, extension: Extension, parameter: MailParameter| {
        if needed && !connection.server_info().supports_feature(extension) {
            return Err(Failure::Refused(format!("the server has no {extension}, which this address needs")));
        }
        parameters.extend(needed.then_some(parameter));
        Ok(())
    };
    need(!mail.to.is_ascii(), Extension::SmtpUtfEight, MailParameter::SmtpUtfEight)?;
    need(!mail.bytes.is_ascii(), Extension::EightBitMime, MailParameter::Body(MailBodyParameter::EightBitMime))?;
    Ok(parameters)
}

fn at(step: Step) -> impl Fn(Error) -> Failure {
    move |error| failure(step, &error)
}

fn failure(step: Step, error: &Error) -> Failure {
    let reason: String = one_line(&error.to_string()).chars().take(REASON_CHARS).collect();
    let reason = format!("{}: {reason}", step.name());
    let is_about_us = matches!(step, Step::Connect | Step::LogIn | Step::Sender);
    match error.status().map(u16::from) {
        Some(530 | 534 | 535 | 538) => Failure::Broken(reason),
        Some(500..) if is_about_us => Failure::Broken(reason),
        Some(500..) => Failure::Refused(reason),
        // lettre says so of what the server cannot do: STARTTLS, a way to log in.
        None if error.is_tls() || error.is_client() => Failure::Broken(reason),
        None if step == Step::Connect && is_bad_tls(error) => Failure::Broken(reason),
        Some(code) if code != 421 && !is_about_us => Failure::Deferred(reason),
        Some(_) | None => Failure::Passing(reason),
    }
}

/// rustls reports a certificate that is not to be trusted, or something that is not TLS, as data that is invalid.
fn is_bad_tls(error: &Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::InvalidData)
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Connect => "connecting",
            Self::LogIn => "logging in",
            Self::Sender => "sender",
            Self::Recipient => "recipient",
            Self::Content => "content",
        }
    }
}
