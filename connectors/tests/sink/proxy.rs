//! Stands between a sink and its database, and can lose an answer.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

pub(crate) struct Proxy {
    /// The database's address, by way of the proxy.
    pub(crate) url: String,
    /// Set: the next answer is lost, and the connection with it.
    pub(crate) swallow: Arc<AtomicBool>,
    /// How many answers were lost.
    pub(crate) swallowed: Arc<AtomicUsize>,
}

impl Proxy {
    /// Its threads end with the test's process.
    pub(crate) fn start(url: &str) -> Self {
        let (head, rest) = url.split_once('@').expect("an address with a password");
        let (server, database) = rest.split_once('/').expect("an address with a database");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (swallow, swallowed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (flag, count, server) = (swallow.clone(), swallowed.clone(), server.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(upstream) = TcpStream::connect(&server) else { continue };
                forward(&client, &upstream, flag.clone(), count.clone());
            }
        });
        Self { url: format!("{head}@{address}/{database}"), swallow, swallowed }
    }
}

fn forward(client: &TcpStream, server: &TcpStream, swallow: Arc<AtomicBool>, swallowed: Arc<AtomicUsize>) {
    let pair = || (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
    let (mut questions, mut to_server) = pair();
    thread::spawn(move || {
        let _ = std::io::copy(&mut questions, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Both);
    });
    let (mut to_client, mut answers) = pair();
    thread::spawn(move || {
        let mut buffer = [0; 16 << 10];
        while let Ok(read @ 1..) = answers.read(&mut buffer) {
            if swallow.swap(false, Ordering::SeqCst) {
                swallowed.fetch_add(1, Ordering::SeqCst);
                break;
            }
            if to_client.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
        let _ = answers.shutdown(Shutdown::Both);
    });
}
