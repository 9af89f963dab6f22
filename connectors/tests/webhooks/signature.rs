//! Who checks signatures: HMAC by hand (RFC 2104), and the example in the documents.

use std::io::Write as _;
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};

use crate::desk::{Desk, SECRET, hook};
use crate::receiver::{Post, Receiver};
use crate::services::{clone, script, succeeded};

/// A post is signed with [`SECRET`], at that second.
pub(crate) fn is_signed(post: &Post, seconds: i64) {
    let signed = post.header("syncroboard-signature");
    let expected = hmac_sha256(SECRET.as_bytes(), format!("{seconds}.{}", post.body).as_bytes());
    assert_eq!(signed, format!("t={seconds},v1={expected}"));
}

fn hmac_sha256(key: &[u8], text: &[u8]) -> String {
    const BLOCK: usize = 64;
    assert!(key.len() <= BLOCK);
    let padded = |with: u8| (0..BLOCK).map(|n| key.get(n).copied().unwrap_or(0) ^ with).collect::<Vec<u8>>();
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
    let outer = Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize();
    outer
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
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
