//! A mail server that says what it is told to say, and remembers what it hears.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How long the slowest machine takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Instead of an answer: none, until the client has gone.
pub(crate) const SILENCE: &str = "(silence)";
/// Instead of an answer: the connection is closed.
pub(crate) const HANG_UP: &str = "(hangs up)";

/// What it says to a line that begins so; `greeting` for its first word, `.` for the end of a mail. All else is accepted.
pub(crate) type Script = &'static [(&'static str, &'static str)];

/// What was heard on one connection.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// All but what mails are made of.
    pub(crate) commands: Vec<String>,
    /// The mails, without the dots that were put before dots.
    pub(crate) mails: Vec<Vec<u8>>,
    /// Lines with breaks in them other than the CRLF at their end.
    pub(crate) bare: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    FromTheStart,
    StartTls,
}

/// Who a server is: a key with a certificate that nothing but itself vouches for.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        Self { certificate: cert.pem(), config: Arc::new(config) }
    }
}

pub(crate) struct MailServer {
    pub(crate) address: SocketAddr,
    heard: Receiver<Heard>,
}

impl MailServer {
    /// Serves one connection after another, each by the next script, and ends after the last.
    pub(crate) fn start(scripts: &'static [Script]) -> Self {
        Self::serving(scripts, |stream, talk| {
            talk.serve(stream, "greeting")?;
            Ok(())
        })
    }

    pub(crate) fn start_with_tls(scripts: &'static [Script], encryption: Encryption, identity: &Identity) -> Self {
        let config = identity.config.clone();
        Self::serving(scripts, move |stream, talk| {
            let encrypted = |stream| StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
            if encryption == Encryption::FromTheStart {
                talk.serve(encrypted(stream), "greeting")?;
            } else if let Some(stream) = talk.serve(stream, "greeting")? {
                talk.serve(encrypted(stream), "")?;
            }
            Ok(())
        })
    }

    fn serving(
        scripts: &'static [Script],
        serve: impl Fn(TcpStream, &mut Talk) -> io::Result<()> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, (tell, heard)) = (listener.local_addr().unwrap(), channel());
        std::thread::spawn(move || {
            for script in scripts {
                let Ok((stream, _)) = listener.accept() else { return };
                let mut talk = Talk { script, heard: Heard::default() };
                // A client that goes away in the middle has heard enough.
                let _ = serve(stream, &mut talk);
                let _ = tell.send(talk.heard);
            }
        });
        Self { address, heard }
    }

    /// What was heard on the next connection, once it is closed.
    pub(crate) fn heard(&self) -> Heard {
        self.heard.recv_timeout(PATIENCE).unwrap()
    }
}

struct Talk {
    script: Script,
    heard: Heard,
}

impl Talk {
    /// Talks until the client goes away, or wants to go on under TLS: the stream. The first step is what is answered first;
    /// nothing is if it is empty.
    fn serve<S: Read + Write>(&mut self, stream: S, first: &str) -> io::Result<Option<S>> {
        let mut lines = BufReader::new(stream);
        let mut step = first.to_owned();
        loop {
            let answer = self.script.iter().find(|(begin, _)| step.starts_with(begin)).map(|(_, answer)| *answer);
            let goes_on = answer.is_none_or(|answer| answer.starts_with(['2', '3']));
            match answer.unwrap_or(usual(&step)) {
                HANG_UP => return Ok(None),
                SILENCE | "" => {}
                answer => {
                    write!(lines.get_mut(), "{answer}\r\n")?;
                    lines.get_mut().flush()?;
                }
            }
            if step == "DATA" && goes_on {
                step = ".".to_owned();
                let mail = self.content(&mut lines)?;
                self.heard.mails.push(mail);
                continue;
            }
            if step == "STARTTLS" && goes_on {
                return Ok(Some(lines.into_inner()));
            }
            let Some(line) = self.line(&mut lines)? else { return Ok(None) };
            step = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.heard.commands.push(step.clone());
        }
    }

    fn content<S: Read>(&mut self, lines: &mut BufReader<S>) -> io::Result<Vec<u8>> {
        let mut mail = Vec::new();
        while let Some(line) = self.line(lines)? {
            if line == b".\r\n" {
                return Ok(mail);
            }
            mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    fn line<S: Read>(&mut self, lines: &mut BufReader<S>) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let body = line.strip_suffix(b"\r\n").unwrap_or(&line);
        self.heard.bare += usize::from(body.contains(&b'\r') || body.contains(&b'\n'));
        Ok(Some(line))
    }
}

fn usual(step: &str) -> &'static str {
    match step.split(' ').next().unwrap_or_default() {
        "" => "",
        "greeting" => "220 test",
        "EHLO" => "250-test\r\n250-AUTH PLAIN\r\n250 8BITMIME",
        "AUTH" => "235 welcome",
        "DATA" => "354 go on",
        "QUIT" => "221 bye",
        "STARTTLS" => "220 go on",
        _ => "250 ok",
    }
}
