//! E-mail: what is written to whom, from templates, and how it leaves.
//!
//! ```text
//! Letter --Templates--> subject, text, HTML --Composer--> Composed --Deliver--> Smtp | Files
//! ```
//!
//! - [`Letter`] is what somebody is to be told; [`Templates`] put it into words, in English or Spanish.
//! - [`Composer`] makes the mail of it: the same letter makes the same bytes, so a mail that is sent again is the same mail.
//! - [`Smtp`] hands it to a mail server, [`Files`] puts it into a directory. [`Failure`] says whether to try again.
//!
//! - [`mailer`](mailer()) is the topology that does all this with what is asked for on `email.outbox`, remembers what it has
//!   still to send, and tries again.

mod compose;
mod deliver;
mod files;
mod letter;
mod mailer;
mod markdown;
mod samples;
mod server;
mod smtp;
mod templates;
pub mod unsubscribe;
mod values;

pub use compose::{ComposeError, Composed, Composer, ComposerConfig, ComposerError};
pub use deliver::{Deliver, Failure};
pub use files::{Files, Kept};
pub use letter::{Content, Letter, Notice};
pub use mailer::{MailerConfig, MakeDeliver, OUTGOING, mailer};
pub use server::SmtpUrlError;
pub use smtp::{Smtp, SmtpConfig};
pub use templates::{Rendered, TemplateError, Templates};
pub use values::Links;
