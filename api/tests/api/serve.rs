//! Connections: clients that are slow, and the end of the server.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::support::{Answer, World, accepted};

/// Time enough for what is promised in less.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the server says until it closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the connection is closed");
    // Closed with something unread is closed, too.
    drop(ended);
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn should_close_a_connection_on_which_no_request_comes_in_time() {
    let world = World::with(|limits| limits.head = Duration::from_millis(50));
    let server = world.serve().await;
    for begun in ["", "GET /healthz HTTP/1.1\r\nHo", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let said = rest(&mut stream).await;
        assert_eq!(said.starts_with("HTTP/1.1 200"), begun.ends_with("\r\n\r\n"), "{said}");
    }
}

#[tokio::test]
async fn should_refuse_a_request_whose_head_is_too_long() {
    let world = World::with(|_| {});
    let server = world.serve().await;
    for (length, status) in [(60 * 1024, "200"), (70 * 1024, "431")] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head =
            format!("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: {}\r\n\r\n", "x".repeat(length));
        // It may be refused before all of it is sent.
        drop(stream.write_all(head.as_bytes()).await);
        let said = rest(&mut stream).await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{said}");
    }
}

#[tokio::test]
async fn should_not_wait_for_a_client_that_sends_and_takes_no_answers() {
    let world = World::with(|limits| limits.write = Duration::from_millis(200));
    world.log.decide(|command| Answer::Outcome(accepted(command, 1)));
    let server = world.serve().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /projects/WEB/tickets:bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        world.token("ada")
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let lines = "{\"title\":\"x\"}\n".repeat(1_000);
    let chunk = format!("{:x}\r\n{lines}\r\n", lines.len());
    let refused = async { while stream.write_all(chunk.as_bytes()).await.is_ok() {} };
    timeout(PATIENCE, refused).await.expect("the connection is closed");
    server.stop.send(()).unwrap();
    timeout(PATIENCE, server.done).await.expect("nothing is under way any more").unwrap().unwrap();
}

#[tokio::test]
async fn should_answer_what_is_under_way_when_it_stops_and_take_nothing_more() {
    let world = World::with(|_| {});
    let (tell, later) = oneshot::channel();
    let (taken, is_taken) = oneshot::channel();
    let mut held = Some((later, taken));
    world.log.decide(move |_| {
        let (later, taken) = held.take().unwrap();
        taken.send(()).unwrap();
        Answer::Later(later)
    });
    let server = world.serve().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let body = "{\"title\":\"x\"}";
    let request = format!(
        "POST /projects/WEB/tickets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        world.token("ada"),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    is_taken.await.unwrap();
    server.stop.send(()).unwrap();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.done.is_finished());
    tell.send(accepted(&world.log.sent()[0], 1)).unwrap();
    let said = rest(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 "), "{said}");
    timeout(PATIENCE, server.done).await.expect("it ends").unwrap().unwrap();
}
