//! Graceful stops: SIGTERM while clients write, and a second one for those who cannot wait.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::board;
use crate::load::{Load, Plan, make_projects, seed};
use crate::storm::sound;
use crate::support::{Home, Server};

/// Some clients at work on a server of their own, in three projects.
pub(crate) struct Scene {
    pub(crate) home: Home,
    pub(crate) server: Server,
    pub(crate) token: String,
    pub(crate) projects: Vec<String>,
    pub(crate) load: Load,
}

impl Scene {
    fn new(tickets: usize) -> Self {
        Self::at(Home::new(), tickets)
    }

    pub(crate) fn at(home: Home, tickets: usize) -> Self {
        let projects: Vec<String> = ["ONE", "TWO", "THREE"].map(str::to_owned).into();
        let server = home.start();
        let token = home.token();
        make_projects(&server, &token, &projects);
        let plan = Plan { projects: projects.clone(), tickets, clients: 32, seed: seed() };
        let load = Load::start(plan, token.clone());
        load.server_is_at(&server.url);
        Self { home, server, token, projects, load }
    }
}

#[test]
fn should_stop_within_seconds_under_load_and_go_on_where_it_was() {
    let Scene { home, mut server, token, projects, mut load } = Scene::new(6_000);
    for stop in 1..=2 {
        load.wait_for(stop * 1_500);
        let (in_flight, begun) = (load.in_flight(), Instant::now());
        assert!(in_flight > 0);
        server.terminate();
        let ended = server.wait_until_ended(Duration::from_secs(10));
        println!("stopped in {:?} with {in_flight} requests in flight", begun.elapsed());
        assert_eq!(ended.code(), Some(0), "{:?}", server.logged());
        load.server_is_gone();
        let begun = Instant::now();
        server = home.start();
        println!("running again after {:?}", begun.elapsed());
        load.server_is_at(&server.url);
    }
    let acknowledged = load.finish();
    server.terminate();
    assert_eq!(server.wait_until_ended(Duration::from_secs(10)).code(), Some(0));
    drop(server);
    let log = sound(&home, &acknowledged, 6_000);
    let server = home.start();
    board::equals(&server, &token, &projects, &log);
}

#[test]
fn should_take_no_connections_while_it_stops() {
    let Scene { home: _home, mut server, token, mut load, .. } = Scene::new(100_000);
    load.wait_for(500);
    let _open = unfinished(&server, &token);
    server.terminate();
    server.wait_for_log("stopping");
    let address = server.url.trim_start_matches("http://").to_owned();
    // The listener closes a moment after the log says so: at the latest when the process ends.
    while TcpStream::connect(&address).is_ok_and(|mut taken| is_served(&mut taken)) {}
    assert!(server.is_alive(), "a request that is still being sent keeps it for a while");
    load.abandon();
}

#[test]
fn should_end_at_once_on_a_second_signal_and_lose_nothing() {
    let Scene { home, mut server, token, projects, mut load } = Scene::new(6_000);
    load.wait_for(1_500);
    let _open = unfinished(&server, &token);
    server.terminate();
    server.wait_for_log("stopping");
    assert!(server.is_alive(), "a request that is still being sent keeps it for a while");
    let begun = Instant::now();
    server.terminate();
    let ended = server.wait_until_ended(Duration::from_secs(5));
    println!("ended {:?} after the second signal", begun.elapsed());
    assert_eq!(ended.code(), Some(130));
    load.server_is_gone();
    server = home.start();
    load.server_is_at(&server.url);
    let acknowledged = load.finish();
    server.terminate();
    assert_eq!(server.wait_until_ended(Duration::from_secs(10)).code(), Some(0));
    let log = sound(&home, &acknowledged, 6_000);
    let server = home.start();
    board::equals(&server, &token, &projects, &log);
}

/// A request whose body does not come: the server waits for it when it stops, though not for ever.
fn unfinished(server: &Server, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    let fields = "content-type: application/json\r\ncontent-length: 10\r\nexpect: 100-continue";
    let head = format!("POST /projects HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{fields}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    // It asks for the body once it waits for it.
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    stream
}

/// Whether anyone answers on a connection.
fn is_served(stream: &mut TcpStream) -> bool {
    let asked = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    asked.is_ok() && stream.read(&mut [0; 16]).is_ok_and(|read| read > 0)
}
