//! The house rules, kept by a test instead of by reviewers: arrows between crates, what every source file has and must
//! not have, paths that the documents name, one Rust version. Each rule is shown to find what it is there to find.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Which crate may depend on which: `design: state <- topology <- processors <- root`, and so on. Nothing else may.
const ARROWS: [(&str, &[&str]); 7] = [
    ("schemas", &[]),
    ("state", &[]),
    ("topology", &["state"]),
    ("processors", &["schemas", "topology"]),
    ("connectors", &["schemas", "topology"]),
    ("api", &["schemas", "connectors", "topology"]),
    ("syncroboard", &["schemas", "state", "topology", "processors", "connectors", "api"]),
];
/// What only `connectors` may name: it is the one that speaks to the outside.
const OUTSIDE: [&str; 4] = ["rdkafka", "sqlx", "redis", "lettre"];
/// Above this a file has more than one concept in it.
const MAX_LINES: usize = 600;
/// Tests that kill at random moments, or stop something for a time, have to sleep until then; and who is in a group nobody tells.
const MAY_SLEEP: [&str; 6] = [
    "connectors/tests/kafka_frozen.rs",
    "tests/apart/storm.rs",
    "tests/kafka/site.rs",
    "tests/kafka/storm.rs",
    "tests/kill/storm.rs",
    "tests/rig/pace.rs",
];
/// The only place that dependencies come from, as Cargo.lock writes it.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn root() -> &'static Path {
    Path::new(".")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Everything in the repository, and what is about to be added; whatever cannot be read as text is left out.
fn files() -> Vec<(String, String)> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git is needed to know which files belong to the project");
    assert!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).unwrap();
    names.lines().filter_map(|name| Some((name.to_owned(), std::fs::read_to_string(root().join(name)).ok()?))).collect()
}

fn is(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

fn assert_tidy(problems: impl IntoIterator<Item = String>) {
    let problems: Vec<_> = problems.into_iter().collect();
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

fn short(name: &str) -> &str {
    name.strip_prefix("syncroboard-").unwrap_or(name)
}

/// Dependencies between crates that no arrow allows, and outside words in the wrong crate. What tests use is free.
fn wrong_arrows(metadata: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = short(package["name"].as_str().unwrap_or_default());
        let Some((_, allowed)) = ARROWS.iter().find(|(crate_name, _)| *crate_name == name) else {
            wrong.push(format!("{name}: a crate without a place in the house"));
            continue;
        };
        let used =
            package["dependencies"].as_array().into_iter().flatten().filter(|d| d["kind"].as_str() != Some("dev"));
        for dependency in used {
            let to = dependency["name"].as_str().unwrap_or_default();
            if dependency["path"].is_string() && !allowed.contains(&short(to)) {
                wrong.push(format!("{name} -> {}: no such arrow", short(to)));
            }
            if name != "connectors" && OUTSIDE.contains(&to) {
                wrong.push(format!("{name} -> {to}: only connectors may name it"));
            }
        }
    }
    wrong
}

/// What is wrong with one Rust file.
fn source_problems(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if !text.starts_with("//!") {
        problems.push(format!("{path}: the first line does not say what the file is for (`//!`)"));
    }
    if text.lines().count() > MAX_LINES {
        problems.push(format!("{path}: {} lines, more than {MAX_LINES}", text.lines().count()));
    }
    let mut in_tests = path.contains("tests/") || path.ends_with("/tests.rs");
    for (line, number) in text.lines().zip(1..) {
        let code = line.split("//").next().unwrap_or_default();
        in_tests |= line.trim() == "#[cfg(test)]";
        // Written in two parts, as this file is held to the rules too.
        for word in
            [concat!("#[ign", "ore"), concat!("to", "do!("), concat!("unimple", "mented!("), concat!("db", "g!(")]
        {
            if code.contains(word) {
                problems.push(format!("{path}:{number}: {word}"));
            }
        }
        if in_tests && !MAY_SLEEP.contains(&path) && code.contains(concat!("thread::", "sleep(")) {
            problems.push(format!("{path}:{number}: a test that sleeps instead of waiting for an event"));
        }
    }
    problems
}

/// Paths of this machine, hosts of some network, dependencies from somewhere else.
fn foreign_words(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let words = [
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
        concat!("/Us", "ers/"),
        concat!(".inter", "nal/"),
    ];
    for (line, number) in text.lines().zip(1..) {
        for word in words.iter().filter(|word| names_place(line, word)) {
            problems.push(format!("{path}:{number}: `{word}` is a place on someone's machine or network"));
        }
        if path.ends_with("Cargo.lock") && line.starts_with("source = ") && !line.contains(&format!("\"{REGISTRY}\"")) {
            problems.push(format!("{path}:{number}: {line}"));
        }
    }
    problems
}

/// Whether a word stands in a line as the beginning of a path; hosts may have something before them.
fn names_place(line: &str, word: &str) -> bool {
    let begins =
        |at: usize| line[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && !"_-./})~".contains(c));
    line.match_indices(word).any(|(at, _)| word.starts_with('.') || begins(at))
}

/// Paths that a document names: words with a slash that end in a known way and do not begin with one.
fn named_paths(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let ends = [".rs", ".md", ".toml", ".sh", ".sql", ".avsc", ".yaml", "/"];
    let words =
        text.split_whitespace().filter(|word| !word.contains("://")).flat_map(|word| word.split(|c| !is_part(c)));
    let words = words.map(|word| word.trim_start_matches("./").trim_end_matches('.'));
    words
        .filter(|word| word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.'))
        .filter(|word| word.contains('/') && ends.iter().any(|end| word.ends_with(end)))
        .collect()
}

/// Where links of a document lead, but for those to other sites and inside the page.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let targets = targets.map(|target| target.split('#').next().unwrap_or_default());
    targets.filter(|target| !target.is_empty() && !target.contains("://")).collect()
}

/// The versions of Rust that a Dockerfile's base images have.
fn docker_rust_versions(dockerfile: &str) -> Vec<&str> {
    let images = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM rust:"));
    images.map(|image| image.split(['-', ' ']).next().unwrap_or_default()).collect()
}

fn toolchain(text: &str) -> &str {
    let line = text.lines().find_map(|line| line.strip_prefix("channel = "));
    line.unwrap_or_default().trim_matches('"')
}

#[test]
fn should_have_no_other_arrows_between_crates_than_those_of_the_house() {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--locked", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(out.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&out.stderr));
    let metadata: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(metadata["packages"].as_array().map(Vec::len), Some(ARROWS.len()), "every crate has its arrows");
    assert_tidy(wrong_arrows(&metadata));
}

#[test]
fn should_have_source_files_that_say_what_they_are_for_and_leave_nothing_undone() {
    let sources: Vec<_> = files().into_iter().filter(|(path, _)| is(path, "rs")).collect();
    assert!(sources.len() > 100, "only {} source files were found", sources.len());
    assert_tidy(sources.iter().flat_map(|(path, text)| source_problems(path, text)));
}

#[test]
fn should_name_no_place_on_anyones_machine_or_network() {
    assert_tidy(files().iter().flat_map(|(path, text)| foreign_words(path, text)));
}

#[test]
fn should_name_only_paths_that_exist() {
    let mut missing = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = read(document);
        let paths = named_paths(&text).into_iter().filter(|path| !root().join(path).exists());
        missing.extend(paths.map(|path| format!("{document}: {path} does not exist")));
    }
    for (document, text) in files().iter().filter(|(path, _)| is(path, "md")) {
        let from = root().join(document).parent().map(Path::to_owned).unwrap_or_default();
        let broken = links(text).into_iter().filter(|link| !from.join(link).exists());
        missing.extend(broken.map(|link| format!("{document}: the link to {link} leads nowhere")));
    }
    assert!(named_paths(&read("ARCHITECTURE.md")).len() > 40, "ARCHITECTURE.md is the map");
    assert_tidy(missing);
}

#[test]
fn should_use_one_version_of_rust() {
    let (pinned, manifest, dockerfile) = (read("rust-toolchain.toml"), read("Cargo.toml"), read("docker/Dockerfile"));
    let pinned = toolchain(&pinned);
    assert_eq!(docker_rust_versions(&dockerfile), [pinned]);
    let minor = pinned.rsplit_once('.').unwrap().0;
    assert!(manifest.contains(&format!("rust-version = \"{minor}\"")), "Cargo.toml: rust-version is not {minor}");
}

#[test]
fn should_find_an_arrow_that_must_not_be() {
    let package = |name: &str, dependencies: Value| serde_json::json!({ "packages": [{ "name": name, "dependencies": dependencies }] });
    let on = |name: &str, kind: Option<&str>, path: bool| serde_json::json!([{ "name": name, "kind": kind, "path": path.then_some("somewhere") }]);
    let wrong = |name: &str, dependencies: Value| wrong_arrows(&package(name, dependencies)).len();
    assert_eq!(wrong("syncroboard-api", on("syncroboard-processors", None, true)), 1);
    assert_eq!(wrong("syncroboard-state", on("syncroboard-topology", Some("build"), true)), 1);
    assert_eq!(wrong("syncroboard-processors", on("sqlx", None, false)), 1);
    assert_eq!(wrong("syncroboard-extra", serde_json::json!([])), 1);
    assert_eq!(wrong("syncroboard-connectors", on("sqlx", None, false)), 0);
    assert_eq!(wrong("syncroboard-api", on("syncroboard-connectors", None, true)), 0);
    assert_eq!(wrong("syncroboard-connectors", on("syncroboard-processors", Some("dev"), true)), 0);
}

#[test]
fn should_find_each_fault_of_a_source_file() {
    let found = |path: &str, body: &str| source_problems(path, &format!("//! What it is for.\n{body}\n")).len();
    assert_eq!(found("src/a.rs", "fn a() {}"), 0);
    assert_eq!(source_problems("src/a.rs", "fn a() {}").len(), 1, "no `//!`");
    assert_eq!(found("src/a.rs", &"\n".repeat(MAX_LINES)), 1, "too long");
    for body in
        [concat!("#[ign", "ore]"), concat!("to", "do!()"), concat!("unimple", "mented!()"), concat!("db", "g!(1)")]
    {
        assert_eq!(found("src/a.rs", body), 1, "{body}");
    }
    let sleep = concat!("std::thread::", "sleep(wait);");
    assert_eq!(found("src/a.rs", sleep), 0, "only tests are held to it");
    assert_eq!(found("tests/a.rs", sleep), 1);
    assert_eq!(found("src/a.rs", &format!("#[cfg(test)]\nmod tests {{ {sleep} }}")), 1);
    assert_eq!(found(MAY_SLEEP[0], sleep), 0);
}

#[test]
fn should_find_a_place_on_someones_machine() {
    for line in
        [concat!("see /ro", "ot/notes"), concat!("cd \"/ho", "me/ann/x\""), concat!("https://mirror.inter", "nal/x")]
    {
        assert_eq!(foreign_words("a.md", line).len(), 1, "{line}");
    }
    assert_eq!(foreign_words("a.md", concat!("src/wo", "rk/x.rs, $HOME/.cache, ~/ho", "me/x")).len(), 0);
    assert_eq!(foreign_words("Cargo.lock", "source = \"git+https://example.org/x\"").len(), 1);
    assert_eq!(foreign_words("Cargo.lock", &format!("source = \"{REGISTRY}\"")).len(), 0);
}

#[test]
fn should_see_the_paths_and_links_that_a_document_names() {
    let text = "See `src/dev.rs`, state/ and [more](docs/api.md#board), not /projects/WEB/tickets or https://example.org/a/b.md.";
    assert_eq!(named_paths(text).into_iter().collect::<Vec<_>>(), ["docs/api.md", "src/dev.rs", "state/"]);
    assert_eq!(links(text), ["docs/api.md"]);
}

#[test]
fn should_read_the_versions_of_rust() {
    assert_eq!(docker_rust_versions("FROM rust:1.95.0-bookworm AS build\nFROM debian:bookworm-slim\n"), ["1.95.0"]);
    assert_eq!(toolchain("[toolchain]\nchannel = \"1.95.0\"\n"), "1.95.0");
}
