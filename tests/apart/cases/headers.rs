//! What requests prefer, and what answers say of themselves.

use std::io::Read;

use serde_json::{Value, json};

use super::stage::Stage;

pub(super) fn should_compress_long_answers_for_those_who_take_it(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    ada.tickets(&web, 30);
    let path = format!("/projects/{web}/tickets?limit=30");
    let take = |codings: &str| ada.send("GET", &path, &Value::Null, &[("accept-encoding", codings)]);
    let plain = take("identity");
    assert_eq!((plain.header("content-encoding"), plain.items().len()), ("", 30));
    for coding in ["gzip", "br", "zstd"] {
        let packed = take(coding);
        packed.is(200);
        assert_eq!(packed.header("content-encoding"), coding);
        assert_eq!(packed.header("vary").to_ascii_lowercase(), "accept-encoding");
        assert!(packed.bytes.len() * 3 < plain.bytes.len(), "{coding}: {} bytes", packed.bytes.len());
    }
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&*take("gzip, deflate").bytes).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.bytes);
    let short = ada.send("GET", "/users/me", &Value::Null, &[("accept-encoding", "gzip")]);
    assert_eq!((short.header("content-encoding"), short.json()["email"].as_str()), ("", Some(&*ada.email)));
}

pub(super) fn should_not_hold_back_answers_of_bulk_requests_in_a_compressor(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    let line = json!({ "type": "CreateTicket", "project": web, "title": "x" }).to_string();
    let lines = vec![line; 30].join("\n");
    let reply = ada.text_with("/commands:bulk", "application/x-ndjson", lines, &[("accept-encoding", "gzip")]);
    assert_eq!((reply.header("content-encoding"), reply.text.lines().count()), ("", 30));
}

pub(super) fn should_say_which_preferences_were_followed(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    let path = format!("/projects/{web}/tickets");
    let create = |prefer: &str| {
        let reply = ada.send("POST", &path, &json!({ "title": "x" }), &[("prefer", prefer)]);
        (reply.status, reply.header("preference-applied").to_owned())
    };
    assert_eq!(create("respond-async"), (202, "respond-async".to_owned()));
    assert_eq!(create("wait=4"), (201, "wait=4".to_owned()));
    assert_eq!(create("wait=600"), (201, "wait=5".to_owned()), "as long as anyone may");
    assert_eq!(create("respond-async, wait=4").1, "respond-async, wait=4");
    assert_eq!(create("return=minimal"), (201, String::new()));
    let read = ada.send("GET", &path, &Value::Null, &[("prefer", "respond-async")]);
    assert_eq!((read.status, read.header("preference-applied")), (200, ""));
}

pub(super) fn should_answer_304_to_whoever_has_this_very_ticket(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let made = ada.post(&format!("/projects/{web}/tickets"), json!({ "title": "x" }));
    let path = format!("/tickets/{web}-1");
    let with = |etag: &str| bob.send("GET", &path, &Value::Null, &[("if-none-match", etag)]);
    let etag = bob.get(&path).header("etag").to_owned();
    assert_eq!(made.header("etag"), etag, "whoever made it has it");
    for seen in [etag.clone(), format!("W/{etag}"), format!("\"1\", {etag}"), "*".to_owned()] {
        let reply = with(&seen);
        assert_eq!((reply.status, reply.header("etag"), &*reply.text), (304, &*etag, ""), "{seen}");
        assert_eq!(reply.header("cache-control"), "private, no-cache");
    }
    // The version counts what people edit; a ticket shows more than that.
    ada.send("PUT", &format!("{path}/assignee"), &json!({ "assigneeId": bob.email }), &[]).is(200);
    let reply = with(&etag);
    assert_eq!((reply.status, reply.json()["assigneeId"].as_str()), (200, Some(&*bob.id().to_string())));
    let newer = reply.header("etag").to_owned();
    let rename = |seen: &str| bob.send("PATCH", &path, &json!({ "title": "y" }), &[("if-match", seen)]);
    rename(&newer).is(200);
    rename(&newer).problem(412, "version_conflict");
}

pub(super) fn should_take_as_many_requests_as_anyone_likes_where_nothing_is_said(stage: &Stage<'_>) {
    let ada = stage.user("ada");
    for _ in 0..120 {
        let reply = ada.get("/users/me");
        assert_eq!((reply.status, reply.header("ratelimit-limit")), (200, ""));
    }
}

pub(super) fn should_answer_in_the_version_that_is_asked_for(stage: &Stage<'_>) {
    let (_, ada, _) = stage.project();
    let (first, second) = ("application/vnd.syncroboard.v1+json", "application/vnd.syncroboard.v2+json");
    let take = |accept: &str| ada.send("GET", "/users/me", &Value::Null, &[("accept", accept)]);
    for (accept, kind) in [("*/*", "application/json"), (first, first), (&format!("{second}, */*"), "application/json")]
    {
        let reply = take(accept);
        reply.is(200);
        assert_eq!(reply.header("content-type"), kind, "{accept}");
    }
    take(second).problem(406, "version_unknown");
    let body = |kind: &str| ada.text("/projects", kind, json!({ "key": "x", "name": "x" }).to_string());
    body(first).problem(422, "key_invalid");
    body(second).problem(415, "media_type");
}
