//! Where a mail server is, and how it is spoken to: what an address such as `smtp://user:password@host:587` says.

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

/// What a URL says about a server.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) credentials: Option<Credentials>,
    pub(super) hello: ClientId,
}

/// A URL that does not say where a mail server is. It is not repeated here, as there may be a password in it,
/// and one with a slash in it may be taken for anything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SmtpUrlError {
    /// It is not a URL, or names no host.
    #[error("mail server: not an address such as smtp://host:587?tls=required: {0}")]
    Address(String),
    /// It is for another way to speak to servers.
    #[error("mail server: neither smtp:// nor smtps://")]
    Scheme,
    /// After `?` or `#` there is something else than is known.
    #[error(
        "mail server: only smtp:// can end in ?tls=required, ?tls=opportunistic or ?tls=none, and nothing else can; \
         in a password, ? is %3F and # is %23"
    )]
    Parameter,
    /// A user without a password, a password without a user, or they are not UTF-8.
    #[error("mail server: the user and the password are not both there, in percent-encoded UTF-8")]
    Credentials,
    /// The name by which the server is greeted is none.
    #[error("mail server: after the host and a slash there is no host name to greet with; in a password, / is %2F")]
    Hello,
    /// There is no TLS to speak, or the certificates that are to be trusted are none.
    #[error("mail server: TLS: {0}")]
    Tls(String),
}

impl Server {
    pub(super) fn parse(url: &str, ca_pem: Option<&str>) -> Result<Self, SmtpUrlError> {
        let url = Url::parse(url).map_err(|error| SmtpUrlError::Address(error.to_string()))?;
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            _ => return Err(SmtpUrlError::Address("no host".to_owned())),
        };
        let (tls, port) = encryption(&url, &host, ca_pem)?;
        let port = url.port().unwrap_or(port);
        Ok(Self { host, port, tls, credentials: credentials(&url)?, hello: hello(&url)? })
    }
}

/// How to encrypt, and the port where that is usual.
fn encryption(url: &Url, host: &str, ca_pem: Option<&str>) -> Result<(Tls, u16), SmtpUrlError> {
    if url.fragment().is_some() {
        return Err(SmtpUrlError::Parameter);
    }
    let parameters: Vec<_> = url.query_pairs().collect();
    let tls = match parameters.as_slice() {
        [] => None,
        [(key, value)] if key == "tls" => Some(value.as_ref()),
        _ => return Err(SmtpUrlError::Parameter),
    };
    let with = || trust(host, ca_pem).map_err(|error| SmtpUrlError::Tls(error.to_string()));
    match (url.scheme(), tls) {
        ("smtps", None | Some("required")) => Ok((Tls::Wrapper(with()?), 465)),
        ("smtp", Some("required")) => Ok((Tls::Required(with()?), 587)),
        ("smtp", Some("opportunistic")) => Ok((Tls::Opportunistic(with()?), 587)),
        ("smtp", None | Some("none")) => Ok((Tls::None, 25)),
        ("smtp" | "smtps", _) => Err(SmtpUrlError::Parameter),
        _ => Err(SmtpUrlError::Scheme),
    }
}

fn trust(host: &str, ca_pem: Option<&str>) -> Result<TlsParameters, Error> {
    let trusted = TlsParameters::builder(host.to_owned());
    match ca_pem {
        Some(pem) => trusted.add_root_certificate(Certificate::from_pem(pem.as_bytes())?).build(),
        None => trusted.build(),
    }
}

fn credentials(url: &Url) -> Result<Option<Credentials>, SmtpUrlError> {
    let decoded = |text| match percent_decode_str(text).decode_utf8() {
        Ok(decoded) if !decoded.is_empty() => Ok(decoded.into_owned()),
        _ => Err(SmtpUrlError::Credentials),
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        (user, password) => Ok(Some(Credentials::new(decoded(user)?, decoded(password.unwrap_or_default())?))),
    }
}

/// The path; without one, the loopback address, which most servers take from those who log in.
fn hello(url: &Url) -> Result<ClientId, SmtpUrlError> {
    let name = url.path().trim_matches('/');
    if name.is_empty() {
        return Ok(ClientId::default());
    }
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')) {
        return Ok(ClientId::Domain(name.to_owned()));
    }
    Err(SmtpUrlError::Hello)
}
