//! Exit statuses and messages that scripts and people rely on.

use crate::support::{Home, http, text};

#[test]
fn should_make_tokens_while_the_server_runs() {
    let home = Home::new();
    let server = home.start();
    let response = http().get(format!("{}/projects", server.url)).bearer_auth(home.token()).send().unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let stranger = http().get(format!("{}/projects", server.url)).bearer_auth("no.token.atall").send().unwrap();
    assert_eq!(stranger.status().as_u16(), 401);
}

#[test]
fn should_refuse_a_second_server_on_the_same_data() {
    let home = Home::new();
    let mut server = home.start();
    let second = home.run(&["dev", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(3), "{}", text(&second));
    assert!(text(&second).contains("in use by another process"), "{}", text(&second));
    assert!(server.is_alive());
    assert!(server.get(&home.token(), "/projects")["items"].is_array());
}

#[test]
fn should_refuse_an_address_that_is_taken() {
    let (home, other) = (Home::new(), Home::new());
    let server = home.start();
    let address = server.url.trim_start_matches("http://");
    let second = other.run(&["dev", "--listen", address]);
    assert_eq!(second.status.code(), Some(3), "{}", text(&second));
    assert!(text(&second).contains(&format!("cannot listen on {address}")), "{}", text(&second));
}

#[test]
fn should_name_the_nearest_key_for_an_unknown_one() {
    let home = Home::new();
    home.file("wrong.toml", b"[worker]\ntreads = 2\n");
    let output = home.run(&["--config", "wrong.toml", "topology"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(
        text(&output).contains("`worker.treads`") && text(&output).contains("`worker.threads`"),
        "{}",
        text(&output)
    );
}

#[test]
fn should_refuse_unknown_keys_of_the_environment_too() {
    let home = Home::new();
    let output = home.command(&["topology"]).env("SYNCROBOARD__API__LISTN", "x").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("`api.listen`"), "{}", text(&output));
}

#[test]
fn should_tell_wrong_use_by_its_status() {
    let home = Home::new();
    for arguments in [&["dev", "--no-such-option"][..], &["fly"], &["import"], &["token", "--user", "nobody"]] {
        let output = home.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output));
    }
}

#[test]
fn should_tell_that_there_is_no_server_to_import_into() {
    let home = Home::new();
    home.file("commands.ndjson", b"{\"type\":\"CreateProject\",\"key\":\"WEB\",\"name\":\"Web\"}\n");
    // Port 9 (discard) is not for web servers.
    let server = ["--server", "http://127.0.0.1:9", "--token", "any"];
    let output = home.run(&[&["import"], &server[..], &["commands.ndjson"]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("127.0.0.1:9"), "{}", text(&output));
}
