//! Posts to receivers: one connection a request, to a number that was looked at, and never on to anywhere else.
//!
//! | what the receiver says | what it means |
//! |---|---|
//! | 2xx | [`Answer::Taken`] |
//! | nothing in time, no connection, no TLS to be trusted, nonsense, 408, 425, 429, 5xx | [`Answer::Again`] |
//! | 3xx, as redirects are not followed; all else; an address that is never spoken to | [`Answer::Refused`] |

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use tokio_rustls::rustls::{self, ClientConfig as TlsConfig, RootCertStore};
use url::{Host, Position, Url};
use uuid::Uuid;

use super::{Policy, TargetError, sign};

/// How much of an answer is read.
const READ_BYTES: usize = 1_024;
/// How long that may take.
const READ_FOR: Duration = Duration::from_secs(1);
/// How much of it is told.
const TOLD_CHARS: usize = 200;
/// Most bytes of an answer's head.
const HEAD_BYTES: usize = 64 * 1_024;
/// Of how many of a name's addresses one is to answer.
const ADDRESSES: usize = 4;
/// Longest time that a receiver can ask for before the next attempt.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);
/// Threads that wait for receivers.
const THREADS: usize = 2;

/// Says which numbers a name stands for.
pub trait Resolve: Send + Sync {
    /// The addresses of a host at a port. It may wait for somebody.
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// Asks the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs()?.collect())
    }
}

/// Whom to speak to, and for how long.
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Which addresses may be spoken to.
    pub policy: Policy,
    /// How long a request may take, from the name to the answer.
    pub timeout: Duration,
    /// Who knows what names stand for.
    pub resolver: Arc<dyn Resolve>,
    /// Certificates, in PEM, that vouch for receivers beside those that the system trusts.
    pub ca_pem: Option<String>,
}

impl ClientConfig {
    /// Ten seconds, with the system's names and certificates.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, timeout: Duration::from_secs(10), resolver: Arc::new(SystemResolver), ca_pem: None }
    }
}

impl std::fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientConfig")
            .field("policy", &self.policy)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The certificates are none.
    #[error("certificates that are to be trusted: {0}")]
    Certificates(String),
    /// TLS cannot be spoken.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// No threads can be had.
    #[error("threads for requests: {0}")]
    Threads(#[from] io::Error),
}

/// What is posted.
pub struct Request {
    /// Where to.
    pub url: String,
    /// Which delivery it is.
    pub delivery_id: Uuid,
    /// Name of what is delivered.
    pub kind: String,
    /// Value of the header with the signature.
    pub signature: String,
    /// JSON.
    pub body: String,
}

/// What became of a request. The texts are for whoever owns the webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The receiver has it.
    Taken {
        /// What it answered.
        status: u16,
    },
    /// It is never to be sent there again.
    Refused {
        /// What it answered; 0: nothing.
        status: u16,
        /// Why.
        why: String,
    },
    /// Try again. The receiver may have it all the same, if it fell silent after that.
    Again {
        /// What it answered; 0: nothing.
        status: u16,
        /// Why.
        why: String,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
}

impl Answer {
    fn again(why: impl Into<String>) -> Self {
        Self::Again { status: 0, why: why.into(), retry_after: None }
    }

    fn refused(why: impl Into<String>) -> Self {
        Self::Refused { status: 0, why: why.into() }
    }
}

/// Posts to receivers, on threads of its own.
pub struct Client {
    exchange: Arc<Exchange>,
    /// There until the end.
    runtime: Option<Runtime>,
}

impl Client {
    /// Does not connect yet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn new(config: &ClientConfig) -> Result<Self, ClientError> {
        let tls = tls(config.ca_pem.as_deref())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("webhooks")
            .enable_all()
            .build()?;
        let exchange = Arc::new(Exchange { config: config.clone(), tls: TlsConnector::from(Arc::new(tls)) });
        Ok(Self { exchange, runtime: Some(runtime) })
    }

    /// Posts, and tells the answer once: before the timeout, or a moment after it. Does not wait.
    pub fn post(&self, request: Request, tell: impl FnOnce(Answer) + Send + 'static) {
        let Some(runtime) = &self.runtime else { return };
        let exchange = Arc::clone(&self.exchange);
        let handle = runtime.handle().clone();
        runtime.spawn(async move {
            // On its own, so that there is an answer even if it panics.
            let posted = handle.spawn(async move { exchange.post(request).await }).await;
            tell(posted.unwrap_or_else(|error| Answer::again(format!("the request came to no end: {error}"))));
        });
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("config", &self.exchange.config).finish_non_exhaustive()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may be dropped where nobody may wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What the system trusts, and what is trusted beside it.
fn tls(ca_pem: Option<&str>) -> Result<TlsConfig, ClientError> {
    let mut roots = RootCertStore::empty();
    // What cannot be read vouches for nobody; a receiver that needs it says so when it is spoken to.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in CertificateDer::pem_slice_iter(ca_pem.unwrap_or_default().as_bytes()) {
        let certificate = certificate.map_err(|error| ClientError::Certificates(error.to_string()))?;
        roots.add(certificate)?;
    }
    let config =
        TlsConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// One request and its answer.
struct Exchange {
    config: ClientConfig,
    tls: TlsConnector,
}

/// An answer whose head is there. Its connection ends with it.
struct Head {
    response: Response<Incoming>,
    _connection: JoinSet<()>,
}

impl Exchange {
    async fn post(&self, request: Request) -> Answer {
        let url = match self.config.policy.check(&request.url) {
            Ok(url) => url,
            Err(error) => return Answer::refused(format!("the address {error}")),
        };
        let within = self.config.timeout;
        match timeout_at(Instant::now() + within, self.head(&url, request)).await {
            Err(_) => Answer::again(format!("no answer within {} ms", within.as_millis())),
            Ok(Err(answer)) => answer,
            Ok(Ok(head)) => answer(head).await,
        }
    }

    async fn head(&self, url: &Url, request: Request) -> Result<Head, Answer> {
        let stream = self.connect(self.addresses(url).await?).await?;
        let posted = posted(url, request)?;
        if url.scheme() == "http" {
            return exchange(stream, posted).await;
        }
        let name =
            server_name(url).map_err(|error| Answer::refused(format!("the address has no name for TLS: {error}")))?;
        let stream = self.tls.connect(name, stream).await.map_err(|error| Answer::again(format!("TLS: {error}")))?;
        exchange(stream, posted).await
    }

    /// The numbers that the address stands for now, as far as they may be spoken to.
    async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, Answer> {
        let port = url.port_or_known_default().unwrap_or(443);
        let found = match url.host() {
            Some(Host::Ipv4(ip)) => vec![SocketAddr::new(IpAddr::V4(ip), port)],
            Some(Host::Ipv6(ip)) => vec![SocketAddr::new(IpAddr::V6(ip), port)],
            Some(Host::Domain(name)) => {
                let (resolver, host) = (Arc::clone(&self.config.resolver), name.to_owned());
                let resolved = tokio::task::spawn_blocking(move || resolver.resolve(&host, port)).await;
                let resolved =
                    resolved.map_err(|error| Answer::again(format!("{name} cannot be resolved: {error}")))?;
                resolved.map_err(|error| Answer::again(format!("{name} cannot be resolved: {error}")))?
            }
            None => Vec::new(),
        };
        let mut allowed = Vec::new();
        let mut refused: Option<TargetError> = None;
        for address in found {
            match self.config.policy.check_ip(address.ip()) {
                Ok(()) => allowed.push(address),
                Err(error) => refused = Some(error),
            }
        }
        match (allowed.is_empty(), refused) {
            (false, _) => Ok(allowed),
            (true, Some(error)) => Err(Answer::refused(format!("the address {error}"))),
            (true, None) => Err(Answer::again("the address stands for nothing")),
        }
    }

    async fn connect(&self, addresses: Vec<SocketAddr>) -> Result<TcpStream, Answer> {
        let tried = addresses.len().clamp(1, ADDRESSES);
        let each = self.config.timeout / u32::try_from(tried).unwrap_or(1);
        let mut failed = Answer::again("no connection");
        for address in addresses.into_iter().take(tried) {
            failed = match timeout(each, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // One request goes out whole: there is nothing to wait for.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => Answer::again(format!("no connection to {address}: {error}")),
                Err(_) => Answer::again(format!("no connection to {address} in time")),
            };
        }
        Err(failed)
    }
}

fn server_name(url: &Url) -> Result<ServerName<'static>, InvalidDnsNameError> {
    match url.host() {
        Some(Host::Ipv4(ip)) => Ok(ServerName::from(IpAddr::V4(ip))),
        Some(Host::Ipv6(ip)) => Ok(ServerName::from(IpAddr::V6(ip))),
        _ => ServerName::try_from(url.host_str().unwrap_or_default().trim_end_matches('.').to_owned()),
    }
}

fn posted(url: &Url, request: Request) -> Result<hyper::Request<Full<Bytes>>, Answer> {
    hyper::Request::post(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(USER_AGENT, concat!("SyncroBoard/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json")
        .header(CONNECTION, "close")
        .header(sign::DELIVERY, request.delivery_id.to_string())
        .header(sign::EVENT, request.kind)
        .header(sign::SIGNATURE, request.signature)
        .body(Full::new(Bytes::from(request.body)))
        .map_err(|error| Answer::refused(format!("no request can be made of it: {error}")))
}

async fn exchange<S>(stream: S, request: hyper::Request<Full<Bytes>>) -> Result<Head, Answer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: hyper::Error| Answer::again(format!("no answer: {}", with_cause(&error)));
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(HEAD_BYTES).handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let mut running = JoinSet::new();
    running.spawn(async move {
        // What goes wrong with it the request is told.
        let _ = connection.await;
    });
    let response = sender.send_request(request).await.map_err(failed)?;
    Ok(Head { response, _connection: running })
}

/// "connection error" says nothing; its cause does.
fn with_cause(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

async fn answer(head: Head) -> Answer {
    let code = head.response.status();
    let status = code.as_u16();
    let asked = head.response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let retry_after = asked.map(|seconds| Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER));
    // Read in any case: whoever is still writing when the connection ends may take that for a failure.
    let said = timeout(READ_FOR, read(head)).await.unwrap_or_default();
    if code.is_success() {
        return Answer::Taken { status };
    }
    if code.is_redirection() {
        return Answer::Refused { status, why: format!("answered {status}: redirects are not followed") };
    }
    let why = if said.is_empty() { format!("answered {status}") } else { format!("answered {status}: {said}") };
    let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    if code.is_server_error() || passing.contains(&code) {
        return Answer::Again { status, why, retry_after };
    }
    Answer::Refused { status, why }
}

/// The beginning of what was answered, in one line.
async fn read(head: Head) -> String {
    let Head { response, _connection } = head;
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while bytes.len() < READ_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
    }
    bytes.truncate(READ_BYTES);
    let text = String::from_utf8_lossy(&bytes);
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(TOLD_CHARS).collect()
}
