//! Webhooks and their secrets: in no log, in no read model, and there whatever becomes of those.

use std::path::Path;

use serde_json::{Value, json};

use crate::site::Site;
use crate::support::services::psql;
use crate::support::{Home, Server, http, text};

/// Registers a webhook as the administrator: its id, its first secret and the one that took its place.
fn register(server: &Server, token: &str) -> (String, [String; 2]) {
    let post = |path: &str, body: Value| {
        let reply = http().post(format!("{}{path}", server.url)).bearer_auth(token).json(&body).send().unwrap();
        reply.error_for_status().unwrap().json::<Value>().unwrap()
    };
    let made = post("/webhooks", json!({ "url": "https://example.org/hook" }));
    let id = made["id"].as_str().unwrap().to_owned();
    let rotated = post(&format!("/webhooks/{id}/secret"), json!({}));
    (id, [made, rotated].map(|webhook| webhook["secret"].as_str().unwrap().to_owned()))
}

fn webhooks(server: &Server, token: &str) -> Vec<Value> {
    let reply = http().get(format!("{}/webhooks", server.url)).bearer_auth(token).send().unwrap();
    let list: Value = reply.error_for_status().unwrap().json().unwrap();
    list["items"].as_array().unwrap().clone()
}

/// Files below a directory that have one of these texts in them.
fn files_with(dir: &Path, texts: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, texts));
        } else if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let holds = |text: &String| bytes.windows(text.len()).any(|part| part == text.as_bytes());
            if texts.iter().any(holds) {
                found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

#[test]
fn should_keep_webhooks_when_the_read_model_is_thrown_away_and_their_secrets_out_of_all_else() {
    let home = Home::new();
    let mut server = Home::spawn(home.command(&["dev", "--listen", "127.0.0.1:0"]).env("RUST_LOG", "trace"));
    server.wait_until_running();
    let token = home.token();
    let (id, secrets) = register(&server, &token);
    server.stop();
    let log = server.logged().join("\n");
    assert!(log.contains("/webhooks"), "the log says much");
    assert!(!secrets.iter().any(|secret| log.contains(secret)));
    let holding = files_with(&home.data(), &secrets);
    assert!(holding.iter().all(|name| name.starts_with("accounts.db")), "{holding:?}");
    assert!(!holding.is_empty());

    let read_model = std::fs::read_dir(home.data()).unwrap().map(|entry| entry.unwrap().path());
    let read_model = read_model.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("read-model"));
    read_model.for_each(|path| std::fs::remove_file(path).unwrap());
    let server = home.start();
    let there = webhooks(&server, &token);
    assert_eq!((there.len(), &there[0]["id"], &there[0]["secret"]), (1, &json!(id), &Value::Null));
}

#[test]
fn should_keep_webhooks_of_the_parts_apart_from_the_sink_and_from_a_rebuild() {
    let site = Site::new();
    let parts = site.start();
    let token = site.token();
    let (id, secrets) = register(&parts.apis[0], &token);
    let rebuilt = site.run(&["sink", "rebuild"]);
    assert_eq!(rebuilt.status.code(), Some(0), "{}", text(&rebuilt));
    for api in &parts.apis {
        let there = webhooks(api, &token);
        assert_eq!((there.len(), &there[0]["id"], &there[0]["secret"]), (1, &json!(id), &Value::Null));
    }
    assert_eq!(psql(site.postgres.url(), "SELECT secret FROM accounts.webhooks"), secrets[1]);
    let tables =
        psql(site.postgres.url(), "SELECT table_name FROM information_schema.tables WHERE table_schema = 'read_model'");
    assert!(tables.lines().count() > 8, "{tables}");
    for table in tables.lines() {
        let sql = format!("SELECT count(*) FROM read_model.{table} t WHERE t::text LIKE '%whsec_%'");
        assert_eq!(psql(site.postgres.url(), &sql), "0", "{table}");
    }
    let may = "SELECT has_schema_privilege('writer', 'accounts', 'USAGE'), has_schema_privilege('reader', 'accounts', 'USAGE')";
    assert_eq!(psql(site.postgres.url(), may), "f|t");
    let mut logs = String::new();
    for mut part in [parts.worker].into_iter().chain(parts.sinks).chain(parts.apis) {
        part.stop();
        logs += &part.logged().join("\n");
    }
    assert!(!logs.contains("whsec_"));
}
