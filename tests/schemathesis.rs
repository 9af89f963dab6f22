//! schemathesis makes requests from the description of the API, some as it says and some that it does not allow, and finds
//! nothing in the answers of one process: all its checks are on (`tests/python/schemathesis.toml`).

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::services::{script, succeeded};
use support::{ADMIN, Home, STOPPED, Server, http, text};

/// Where its settings and its own check are.
const SETTINGS: &str = "tests/python/schemathesis.toml";
const CHECKS: &str = "tests/python/schemathesis_checks.py";

/// Everybody who asks, with what `syncroboard token` takes.
const USERS: [(&str, &[&str]); 3] =
    [("root", &[ADMIN, "--admin"]), ("ada", &["ada@example.org"]), ("eve", &["eve@example.org"])];

#[test]
fn should_answer_as_described_whatever_schemathesis_sends() {
    let python = succeeded(&script("python.sh").output().unwrap(), "python.sh");
    let home = Home::new();
    let mut dev = home.command(&["dev", "--listen", "127.0.0.1:0"]);
    // Nobody has this name, so nothing is ever delivered.
    dev.env("SYNCROBOARD__WEBHOOKS__ALLOWED_HOSTS", "hooks.test");
    let mut server = Home::spawn(&mut dev);
    server.wait_until_running();
    let tokens = USERS.map(|(name, arguments)| (name, token(&home, arguments)));
    fill(&server, &tokens[0].1);
    let users = tokens.map(|(name, token)| {
        json!({ "name": name, "fixedHeaders": [{ "name": "Authorization", "value": format!("Bearer {token}") }] })
    });
    let users = home.file("users.json", json!({ "auth": users }).to_string().as_bytes());
    let here = std::env::current_dir().unwrap();
    let mut schemathesis = Command::new(python.trim());
    schemathesis.args(["-m", "schemathesis.cli", "--no-color", "--config-file"]).arg(here.join(SETTINGS));
    schemathesis.args(["run", &format!("{}/openapi.json", server.url)]).current_dir(home.path());
    schemathesis.env("SYNCROBOARD_TEST_HOOKS", here.join(CHECKS)).env("SYNCROBOARD_TEST_USERS", users);
    let output = schemathesis.output().unwrap();
    let alive = server.is_alive();
    assert!(alive, "the server has ended with {:?}: {}", server.wait_until_ended(STOPPED), text(&output));
    let said = succeeded(&output, "schemathesis");
    // Each phase was there, and none was left out.
    for phase in ["Examples", "Coverage", "Fuzzing", "Stateful"] {
        assert!(said.contains(&format!("✅ {phase}")), "{said}");
    }
}

fn token(home: &Home, arguments: &[&str]) -> String {
    let output = home.run(&[&["token", "--user"], arguments].concat());
    succeeded(&output, "token").lines().last().unwrap().trim().to_owned()
}

/// What the examples of the description are about.
fn fill(server: &Server, token: &str) {
    let send = |method: &str, path: &str, body: &Value| {
        let request = http().request(method.parse().unwrap(), format!("{}{path}", server.url)).bearer_auth(token);
        let reply = request.json(body).send().unwrap();
        assert!(reply.status().is_success(), "{method} {path}: {}", reply.text().unwrap());
    };
    send("POST", "/users", &json!({ "email": "ada@example.org", "name": "Ada" }));
    send("POST", "/projects", &json!({ "key": "WEB", "name": "The web site" }));
    send("POST", "/projects/WEB/members", &json!({ "email": "ada@example.org", "role": "maintainer" }));
    for title in ["The board flickers", "The board is slow"] {
        send("POST", "/projects/WEB/tickets", &json!({ "title": title, "labels": ["frontend"] }));
    }
    send("POST", "/tickets/WEB-1/comments", &json!({ "content": "@ada, can you have a look?" }));
    send("PUT", "/tickets/WEB-1/watch", &json!({}));
    send("POST", "/webhooks", &json!({ "url": "https://hooks.test/hook" }));
}
