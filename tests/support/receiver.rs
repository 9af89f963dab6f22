//! A receiver of webhooks on this machine: it answers as it is told to, and hands over what was posted to it.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Posts, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::signed::signature;

/// What was posted.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    /// By their names in lower case.
    headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Post {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// What the headers say the delivery is.
    pub(crate) fn delivery(&self) -> &str {
        self.header("syncroboard-delivery")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The title of the ticket that it tells of.
    pub(crate) fn title(&self) -> String {
        self.json()["data"]["title"].as_str().unwrap().to_owned()
    }

    /// It is signed with this secret.
    pub(crate) fn is_signed(&self, secret: &str) {
        let signed = self.header("syncroboard-signature");
        let seconds = signed.strip_prefix("t=").unwrap().split(',').next().unwrap();
        assert_eq!(signed, signature(secret, seconds, &self.body));
    }
}

/// An answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    Status(u16),
    /// Nothing, until the client has gone.
    Silence,
}

/// Answers 200 unless it was told otherwise.
pub(crate) struct Receiver {
    address: SocketAddr,
    /// By the title that they are the answers to.
    replies: Arc<Mutex<BTreeMap<String, VecDeque<Reply>>>>,
    posts: Posts<Post>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, (tell, posts)) = (listener.local_addr().unwrap(), channel());
        let replies: Arc<Mutex<BTreeMap<String, VecDeque<Reply>>>> = Arc::default();
        let told = Arc::clone(&replies);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (told, tell) = (Arc::clone(&told), tell.clone());
                // A client that goes away in the middle has heard enough.
                std::thread::spawn(move || serve(stream, &told, &tell));
            }
        });
        Self { address, replies, posts }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// It answers so to what tells of a ticket of this title, one after the other.
    pub(crate) fn will(&self, title: &str, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().unwrap().entry(title.to_owned()).or_default().extend(replies);
    }

    /// The next post that comes within this time.
    pub(crate) fn next(&self, within: Duration) -> Option<Post> {
        self.posts.recv_timeout(within).ok()
    }
}

fn serve(stream: TcpStream, replies: &Mutex<BTreeMap<String, VecDeque<Reply>>>, tell: &Sender<Post>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    assert_eq!(line.trim_end(), "POST /hook HTTP/1.1");
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    stream.read_exact(&mut body)?;
    let post = Post { headers, body: String::from_utf8(body).unwrap() };
    let reply = replies.lock().unwrap().get_mut(&post.title()).and_then(VecDeque::pop_front);
    // Whoever waits for it may have gone.
    let _ = tell.send(post);
    if let Reply::Status(status) = reply.unwrap_or(Reply::Status(200)) {
        write!(stream.get_mut(), "HTTP/1.1 {status} So\r\ncontent-length: 5\r\n\r\nwhy\r\n")?;
        stream.get_mut().flush()?;
    }
    stream.read_to_end(&mut Vec::new()).map(drop)
}
