//! A proxy before the registry: it counts what is asked, makes trouble when told to, and gives each test subjects of its
//! own (a group, in Apicurio's words) though their names are fixed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use crate::PATIENCE;
use crate::services::{services, unique};

/// What the proxy does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Hands it on.
    Pass,
    /// Closes the connection.
    Refuse,
    /// Answers nothing until the mode changes.
    Hang,
    /// As `Hang`, but only calls that begin so.
    HangAt(String),
    /// Answers this status and body.
    Answer(u16, &'static str),
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Method and path, such as `GET /subjects`.
    pub(crate) call: String,
    /// Whole value of the header `Authorization`.
    pub(crate) authorization: Option<String>,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    group: String,
}

struct State {
    mode: Mode,
    seen: Vec<Seen>,
}

impl Proxy {
    pub(crate) fn new() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(crate) fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let state = Mutex::new(State { mode: Mode::Pass, seen: Vec::new() });
        let shared = Arc::new(Shared { state, changed: Condvar::new(), group: unique("group") });
        let serving = shared.clone();
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = serving.clone();
                std::thread::spawn(move || drop(serve(stream, &shared)));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.shared.state.lock().unwrap().mode = mode;
        self.shared.changed.notify_all();
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.state.lock().unwrap().seen.clone()
    }

    /// How many calls began so.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.seen().iter().filter(|seen| seen.call.starts_with(call)).count()
    }

    /// Waits until as many calls began so.
    pub(crate) fn wait_for(&self, call: &str, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.state.lock().unwrap();
        while state.seen.iter().filter(|seen| seen.call.starts_with(call)).count() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{call} did not come {count} times: {:?}", state.seen);
            state = self.shared.changed.wait_timeout(state, left).unwrap().0;
        }
    }
}

fn serve(mut client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let (head, body) = read_request(&mut client)?;
    let Some((line, headers)) = head.split_once("\r\n") else { return Ok(()) };
    let authorization = headers.lines().find_map(|header| {
        let (name, value) = header.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization").then(|| value.to_owned())
    });
    let call = line.trim_end_matches(" HTTP/1.1").to_owned();
    let mode = {
        let mut state = shared.state.lock().unwrap();
        state.seen.push(Seen { call: call.clone(), authorization });
        shared.changed.notify_all();
        let mode = state.mode.clone();
        let hangs = mode == Mode::Hang || matches!(&mode, Mode::HangAt(those) if call.starts_with(those));
        while hangs && state.mode == mode {
            state = shared.changed.wait(state).unwrap();
        }
        if hangs { Mode::Refuse } else { mode }
    };
    match mode {
        Mode::Refuse => Ok(()),
        Mode::Answer(status, body) => {
            let length = body.len();
            write!(client, "HTTP/1.1 {status} So\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        }
        Mode::Pass | Mode::Hang | Mode::HangAt(_) => {
            let answer = hand_on(line, headers, &body, &shared.group)?;
            client.write_all(&answer)
        }
    }
}

/// One request, one connection: the registry is asked to close it, and the client is told that it is closed.
fn hand_on(line: &str, headers: &str, body: &[u8], group: &str) -> std::io::Result<Vec<u8>> {
    let (host, path) = services().registry.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut server = TcpStream::connect(host)?;
    let line = line.replacen(" /", &format!(" /{path}/"), 1);
    let kept = headers.lines().filter(|header| !header.is_empty() && !header.to_lowercase().starts_with("connection:"));
    let kept = kept.collect::<Vec<_>>().join("\r\n");
    write!(server, "{line}\r\n{kept}\r\nConnection: close\r\nX-Registry-GroupId: {group}\r\n\r\n")?;
    server.write_all(body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    let end = answer.windows(2).position(|pair| pair == b"\r\n").unwrap();
    Ok([&answer[..end], b"\r\nConnection: close", &answer[end..]].concat())
}

/// Head, without the blank line, and body.
fn read_request(client: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4_096];
    loop {
        let count = client.read(&mut chunk)?;
        bytes.extend_from_slice(&chunk[..count]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.lines().find_map(|header| {
                let (name, value) = header.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
            });
            let whole = end + 4 + length.unwrap_or(0);
            if bytes.len() >= whole {
                return Ok((head, bytes[end + 4..whole].to_vec()));
            }
        }
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}
