//! A receiver that answers as it is told to, and remembers what was posted to it.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Posts, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How long the slowest machine takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Post {
    /// `POST /path HTTP/1.1`
    pub(crate) line: String,
    /// By their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Post {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(&name.to_lowercase()).map_or("", String::as_str)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// A status, and headers, each with its line's end.
    Status(u16, &'static str),
    /// These very bytes; then nothing, until the client has gone.
    Raw(&'static str),
    /// Nothing, until the client has gone.
    Silence,
    /// The connection is closed.
    HangUp,
}

/// Answers 200 unless it was told otherwise.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    posts: Arc<Mutex<Vec<Post>>>,
    heard: Posts<()>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        Self::serving(None)
    }

    /// With TLS, by a certificate for a name that nothing but itself vouches for: the certificate.
    pub(crate) fn start_with_tls(name: &str) -> (Self, String) {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        (Self::serving(Some(Arc::new(config))), cert.pem())
    }

    fn serving(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, (tell, heard)) = (listener.local_addr().unwrap(), channel());
        let (replies, posts): (Arc<Mutex<VecDeque<Reply>>>, Arc<Mutex<Vec<Post>>>) = Default::default();
        let desk = Desk { replies: Arc::clone(&replies), posts: Arc::clone(&posts), tell };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (desk, tls) = (desk.clone(), tls.clone());
                // A client that goes away in the middle has heard enough.
                std::thread::spawn(move || match tls {
                    None => desk.serve(stream),
                    Some(config) => desk.serve(StreamOwned::new(ServerConnection::new(config).unwrap(), stream)),
                });
            }
        });
        Self { address, replies, posts, heard }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?a=b", self.address)
    }

    /// It answers so to what is posted next, to each by one of them.
    pub(crate) fn will(&self, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().unwrap().extend(replies);
    }

    /// All that was posted so far.
    pub(crate) fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap().clone()
    }

    /// Waits until one more was posted.
    pub(crate) fn wait_for_a_post(&self) {
        self.heard.recv_timeout(PATIENCE).unwrap();
    }
}

#[derive(Clone)]
struct Desk {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    posts: Arc<Mutex<Vec<Post>>>,
    tell: Sender<()>,
}

impl Desk {
    fn serve<S: Read + Write>(&self, stream: S) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let Some(post) = read(&mut stream)? else { return Ok(()) };
        self.posts.lock().unwrap().push(post);
        let reply = self.replies.lock().unwrap().pop_front().unwrap_or(Reply::Status(200, ""));
        // Whoever waits for it may have gone.
        let _ = self.tell.send(());
        match reply {
            Reply::HangUp => return Ok(()),
            Reply::Silence => {}
            Reply::Raw(bytes) => stream.get_mut().write_all(bytes.as_bytes())?,
            Reply::Status(status, headers) => {
                write!(stream.get_mut(), "HTTP/1.1 {status} So\r\n{headers}content-length: 5\r\n\r\nwhy\r\n")?;
            }
        }
        stream.get_mut().flush()?;
        // Until the client has gone.
        stream.read_to_end(&mut Vec::new()).map(|_| ())
    }
}

fn read<S: Read>(stream: &mut BufReader<S>) -> io::Result<Option<Post>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        let known = headers.insert(name.to_lowercase(), value.to_owned());
        assert_eq!(known, None, "{name} comes twice");
    }
    let length: usize = headers["content-length"].parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some(Post { line: line.trim_end().to_owned(), headers, body: String::from_utf8(body).unwrap() }))
}

/// An address at which nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A connection to it is possible.
pub(crate) fn is_there(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}
