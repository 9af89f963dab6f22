//! One request: whom it is made to, and what is made of the answer.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use connectors::webhook::{Answer, Client, ClientConfig, Policy, Request, Resolve};
use uuid::Uuid;

use crate::receiver::{PATIENCE, Receiver, Reply, is_there, nobody};

/// Says what it was told to, and counts how often it is asked.
#[derive(Default)]
struct Names {
    says: Mutex<Vec<SocketAddr>>,
    asked: AtomicUsize,
}

impl Names {
    fn of(says: impl IntoIterator<Item = SocketAddr>) -> Arc<Self> {
        Arc::new(Self { says: Mutex::new(says.into_iter().collect()), asked: AtomicUsize::new(0) })
    }
}

impl Resolve for Names {
    fn resolve(&self, _host: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.says.lock().unwrap().clone())
    }
}

/// As in a test, where all that there is to speak to is on this machine.
fn open() -> Policy {
    Policy { allow_private: true, allow_http: true, ..Policy::default() }
}

fn client(policy: Policy, settings: impl FnOnce(&mut ClientConfig)) -> Client {
    let mut config = ClientConfig::new(policy);
    settings(&mut config);
    Client::new(&config).unwrap()
}

fn post(client: &Client, url: &str) -> Answer {
    let (tell, told) = channel();
    let request = Request {
        url: url.to_owned(),
        delivery_id: Uuid::from_u128(7),
        kind: "ticket.created".to_owned(),
        signature: "t=1,v1=00".to_owned(),
        body: r#"{"a":"ü"}"#.to_owned(),
    };
    client.post(request, move |answer| tell.send(answer).unwrap());
    told.recv_timeout(PATIENCE).unwrap()
}

fn why(answer: &Answer) -> &str {
    match answer {
        Answer::Taken { .. } => "",
        Answer::Refused { why, .. } | Answer::Again { why, .. } => why,
    }
}

#[test]
fn a_request_has_what_a_receiver_needs() {
    let receiver = Receiver::start();
    assert_eq!(post(&client(open(), |_| {}), &receiver.url()), Answer::Taken { status: 200 });
    let posts = receiver.posts();
    let [request] = posts.as_slice() else { panic!("{posts:?}") };
    assert_eq!(request.line, "POST /hook?a=b HTTP/1.1");
    assert_eq!(request.body, r#"{"a":"ü"}"#);
    let expected = [
        ("host", receiver.address.to_string()),
        ("content-type", "application/json".to_owned()),
        ("content-length", "10".to_owned()),
        ("connection", "close".to_owned()),
        ("user-agent", concat!("SyncroBoard/", env!("CARGO_PKG_VERSION")).to_owned()),
        ("syncroboard-delivery", Uuid::from_u128(7).to_string()),
        ("syncroboard-event", "ticket.created".to_owned()),
        ("syncroboard-signature", "t=1,v1=00".to_owned()),
    ];
    assert_eq!(request.headers, expected.map(|(name, value)| (name.to_owned(), value)).into());
}

#[test]
fn what_a_receiver_answers_says_whether_to_try_again() {
    let receiver = Receiver::start();
    let client = client(open(), |_| {});
    let answered = |status| {
        receiver.will([Reply::Status(status, "")]);
        post(&client, &receiver.url())
    };
    for status in [200, 201, 202, 204, 299] {
        assert_eq!(answered(status), Answer::Taken { status });
    }
    for status in [400, 401, 403, 404, 405, 410, 413, 422, 499] {
        assert_eq!(answered(status), Answer::Refused { status, why: format!("answered {status}: why") });
    }
    for status in [408, 425, 429, 500, 502, 503, 504, 599] {
        let why = format!("answered {status}: why");
        assert_eq!(answered(status), Answer::Again { status, why, retry_after: None });
    }
}

#[test]
fn a_redirect_is_not_followed_wherever_it_leads() {
    let (receiver, other) = (Receiver::start(), Receiver::start());
    let client = client(open(), |_| {});
    for status in [301, 302, 303, 307, 308] {
        let location: &'static str = Box::leak(format!("location: {}\r\n", other.url()).into_boxed_str());
        receiver.will([Reply::Status(status, location)]);
        let why = format!("answered {status}: redirects are not followed");
        assert_eq!(post(&client, &receiver.url()), Answer::Refused { status, why });
    }
    assert!(other.posts().is_empty());
}

#[test]
fn a_receiver_may_say_when_to_come_again_up_to_an_hour() {
    let receiver = Receiver::start();
    let client = client(open(), |_| {});
    let asked = |headers| {
        receiver.will([Reply::Status(503, headers)]);
        match post(&client, &receiver.url()) {
            Answer::Again { retry_after, .. } => retry_after,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(asked("Retry-After: 7\r\n"), Some(Duration::from_secs(7)));
    assert_eq!(asked("Retry-After: 86400\r\n"), Some(Duration::from_hours(1)));
    assert_eq!(asked("Retry-After: -1\r\n"), None);
    assert_eq!(asked("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n"), None);
}

#[test]
fn a_receiver_that_does_not_answer_is_tried_again() {
    let receiver = Receiver::start();
    let client = client(open(), |config| config.timeout = Duration::from_millis(300));
    for (reply, expected) in [
        (Reply::Silence, "no answer within 300 ms"),
        (Reply::HangUp, "no answer: "),
        (Reply::Raw("HTTP/1.1 200"), "no answer within 300 ms"),
        (Reply::Raw("so what\r\n\r\n"), "no answer: "),
        (Reply::Raw("HTTP/1.1 100 Continue\r\n\r\n"), "no answer within 300 ms"),
    ] {
        receiver.will([reply.clone()]);
        let answer = post(&client, &receiver.url());
        assert!(
            matches!(&answer, Answer::Again { status: 0, why, .. } if why.starts_with(expected)),
            "{reply:?}: {answer:?}"
        );
    }
    let answer = post(&client, &format!("http://{}/", nobody()));
    assert!(
        matches!(&answer, Answer::Again { status: 0, why, .. } if why.starts_with("no connection to ")),
        "{answer:?}"
    );
}

#[test]
fn what_a_receiver_says_is_told_shortened_and_in_one_line() {
    let receiver = Receiver::start();
    let client = client(open(), |_| {});
    let long: &'static str = Box::leak(
        format!("HTTP/1.1 500 No\r\nconnection: close\r\n\r\na\r\n\x1b\0b\t{}", "c".repeat(100_000)).into_boxed_str(),
    );
    receiver.will([Reply::Raw(long), Reply::Raw("HTTP/1.1 200 So\r\ncontent-length: 9\r\n\r\nhalf")]);
    let answer = post(&client, &receiver.url());
    assert!(why(&answer).starts_with("answered 500: a b ccc") && why(&answer).len() < 250, "{answer:?}");
    let begun = Instant::now();
    assert_eq!(post(&client, &receiver.url()), Answer::Taken { status: 200 }, "the status says it, not the rest");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn nothing_on_this_machine_is_spoken_to_by_number_or_by_name() {
    let receiver = Receiver::start();
    assert!(is_there(receiver.address));
    let policy = || Policy { allow_http: true, ..Policy::default() };
    let port = receiver.address.port();
    for host in ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let answer = post(&client(policy(), |_| {}), &format!("http://{host}:{port}/"));
        assert!(
            matches!(&answer, Answer::Refused { status: 0, why } if why.contains("public internet")),
            "{host}: {answer:?}"
        );
    }
    // A public name that stands for it.
    let names = Names::of([receiver.address, "[::1]:80".parse().unwrap()]);
    let resolver = names.clone();
    let answer =
        post(&client(policy(), |config| config.resolver = resolver), &format!("http://hooks.example.org:{port}/"));
    assert!(matches!(&answer, Answer::Refused { status: 0, why } if why.contains("public internet")), "{answer:?}");
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    assert!(receiver.posts().is_empty());
}

#[test]
fn a_name_is_resolved_once_and_the_connection_goes_there() {
    let receiver = Receiver::start();
    let names = Names::of([nobody(), receiver.address]);
    let resolver = names.clone();
    let client = client(open(), |config| config.resolver = resolver);
    // The port is the resolver's, as the number is.
    assert_eq!(post(&client, "http://hooks.example.org/hook"), Answer::Taken { status: 200 });
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    assert_eq!(receiver.posts()[0].header("host"), "hooks.example.org");
}

#[test]
fn a_name_that_stands_for_nothing_is_tried_again() {
    struct Nowhere;
    impl Resolve for Nowhere {
        fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
            Err(io::Error::other("no such name"))
        }
    }
    let answer = post(&client(open(), |config| config.resolver = Arc::new(Nowhere)), "http://hooks.example.org/");
    assert_eq!(
        answer,
        Answer::Again {
            status: 0,
            why: "hooks.example.org cannot be resolved: no such name".to_owned(),
            retry_after: None
        }
    );
    let answer = post(&client(open(), |config| config.resolver = Names::of([])), "http://hooks.example.org/");
    assert_eq!(why(&answer), "the address stands for nothing");
}

#[test]
fn a_resolver_that_hangs_holds_up_no_answer() {
    struct Hangs(Mutex<std::sync::mpsc::Receiver<()>>);
    impl Resolve for Hangs {
        fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
            let _ = self.0.lock().unwrap().recv_timeout(PATIENCE);
            Ok(Vec::new())
        }
    }
    let (release, held) = channel();
    let client = client(open(), |config| {
        config.resolver = Arc::new(Hangs(Mutex::new(held)));
        config.timeout = Duration::from_millis(100);
    });
    let begun = Instant::now();
    assert_eq!(why(&post(&client, "http://hooks.example.org/")), "no answer within 100 ms");
    assert!(begun.elapsed() < PATIENCE / 2);
    drop(release);
}

#[test]
fn a_certificate_must_be_trusted_and_of_that_name() {
    let (receiver, certificate) = Receiver::start_with_tls("hooks.example.org");
    let (address, trusted) = (receiver.address, Some(certificate));
    let spoken = |url: &str, ca_pem: Option<String>| {
        let client = client(Policy { allow_private: true, ..Policy::default() }, |config| {
            config.resolver = Names::of([address]);
            config.ca_pem = ca_pem;
        });
        post(&client, url)
    };
    assert_eq!(spoken("https://hooks.example.org/", trusted.clone()), Answer::Taken { status: 200 });
    let answer = spoken("https://hooks.example.org/", None);
    assert!(matches!(&answer, Answer::Again { status: 0, why, .. } if why.starts_with("TLS: ")), "{answer:?}");
    let answer = spoken("https://other.example.org/", trusted);
    assert!(matches!(&answer, Answer::Again { status: 0, why, .. } if why.starts_with("TLS: ")), "{answer:?}");
    assert_eq!(receiver.posts().len(), 1);
    let mut config = ClientConfig::new(open());
    config.ca_pem = Some("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_owned());
    assert!(Client::new(&config).is_err());
}
