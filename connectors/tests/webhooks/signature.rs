//! Who checks signatures: HMAC by hand (RFC 2104), and the example in the documents.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::desk::{Desk, SECRET, hook};
use crate::receiver::{Post, Receiver};
use crate::services::{clone, script, succeeded};
use crate::signed::signature;

/// A post is signed with [`SECRET`], at that second.
pub(crate) fn is_signed(post: &Post, seconds: i64) {
    assert_eq!(post.header("syncroboard-signature"), signature(SECRET, seconds, &post.body));
}

/// Runs the example of `docs/notifications.md` on a header and a body.
fn example_says(header: &str, body: &str, now: i64) -> bool {
    let document = std::fs::read_to_string(clone().join("docs/notifications.md")).unwrap();
    let (_, example) = document.split_once("```python\n").expect("an example in Python");
    let (example, _) = example.split_once("```").unwrap();
    let call = format!(
        "{example}\nimport sys\nbody = sys.stdin.buffer.read()\n\
         print(is_ours({SECRET:?}, {header:?}, body, now={now}))\n"
    );
    let python = succeeded(&script("python.sh").output().unwrap(), "python.sh");
    let mut python = Command::new(python.trim());
    let mut child =
        python.args(["-c", &call]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    match succeeded(&child.wait_with_output().unwrap(), "the example").trim() {
        "True" => true,
        "False" => false,
        other => panic!("{other}"),
    }
}

#[test]
fn the_example_in_the_documents_knows_what_is_ours() {
    let receiver = Receiver::start();
    let mut desk = Desk::new(vec![hook(1, &receiver)]);
    desk.ticket("Füße");
    desk.run_until_told(1);
    let post = receiver.posts().remove(0);
    let header = post.header("syncroboard-signature");
    let at = desk.now / 1_000;
    assert!(example_says(header, &post.body, at));
    assert!(example_says(header, &post.body, at + 290));
    assert!(!example_says(header, &post.body, at + 310), "too old");
    assert!(!example_says(header, &post.body.replace("Füße", "Fuesse"), at));
    assert!(!example_says(&header.replace("v1=", "v1=0"), &post.body, at));
    assert!(!example_says(&header.replacen("t=1", "t=2", 1), &post.body, at));
    assert!(!example_says("", &post.body, at));
}
