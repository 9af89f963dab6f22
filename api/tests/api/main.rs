//! The router over a made-up log and a made-up read model: what clients see when something goes wrong, and what is sent and
//! asked. One module for each part of the URL tree. What needs no such parts is a case of `tests/apart/cases`, in the root
//! package, which runs on the real ones.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, too, fail by panicking")]

mod auth;
mod board;
mod bulk;
mod commands;
mod health;
mod limits;
mod openapi;
mod problems;
mod projects;
mod serve;
mod support;
mod unsubscribe;

#[test]
fn should_hold_only_what_no_client_of_the_real_parts_can_bring_about() {
    let made_up = [".log.", ".model.", ".boards.", "World::with(", "World::build(", "World::limited(", "Monitoring {"];
    let mut seen = 0;
    for entry in std::fs::read_dir("tests/api").unwrap() {
        let path = entry.unwrap().path();
        let text = if path.is_file() { std::fs::read_to_string(&path).unwrap() } else { String::new() };
        for test in text.split("#[tokio::test]\n").skip(1) {
            let (head, _) = test.split_once('(').unwrap();
            assert!(
                made_up.iter().any(|part| test.contains(part)),
                "{}: {head} needs nothing made up: let it be a case of tests/apart/cases",
                path.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen} tests");
}
