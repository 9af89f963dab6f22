//! docker/compose.yaml says what the scripts say: one is run by every test, the other by nobody here.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What kafka.sh derives from its directory and compose from its network: each has its own.
const PLACES: [&str; 9] = [
    "node.id",
    "process.roles",
    "controller.quorum.voters",
    "controller.listener.names",
    "inter.broker.listener.name",
    "listener.security.protocol.map",
    "listeners",
    "advertised.listeners",
    "log.dirs",
];

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn compose() -> Value {
    serde_norway::from_str(&read("docker/compose.yaml")).unwrap()
}

/// `KEY=VALUE` lines; the rest is comments.
fn properties(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn environment(service: &Value) -> BTreeMap<String, String> {
    let pairs = service["environment"].as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or("not a string").to_owned())).collect()
}

/// What a service's container runs.
fn words(service: &Value) -> Vec<String> {
    service["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// The variable that stands for a setting of Kafka's: upper case, underscores for dots.
fn kafka_variable(key: &str) -> String {
    format!("KAFKA_{}", quarkus_variable(key))
}

/// The same of the registry's: whatever is no letter or digit is an underscore.
fn quarkus_variable(key: &str) -> String {
    key.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

/// Settings that only one of both has, or that differ.
fn differences(
    settings: &BTreeMap<String, String>,
    environment: &BTreeMap<String, String>,
    variable: impl Fn(&str) -> String,
    own: &[String],
) -> Vec<String> {
    let expected: BTreeMap<_, _> = settings.iter().map(|(key, value)| (variable(key), value)).collect();
    let missing = expected.iter().filter(|(name, value)| environment.get(*name) != Some(**value));
    let missing = missing.map(|(name, value)| format!("{name} is {:?}, not {value:?}", environment.get(name)));
    let extra = environment.keys().filter(|name| !expected.contains_key(*name) && !own.contains(name));
    missing.chain(extra.map(|name| format!("{name} is in docker/compose.yaml only"))).collect()
}

/// Addresses of listeners by name, as Kafka writes them: `NAME://host:port,...`.
fn listeners(text: &str) -> BTreeMap<&str, &str> {
    text.split(',').filter_map(|listener| listener.split_once("://")).collect()
}

/// The first published port of a service on this machine, and the one inside: `127.0.0.1:OUTSIDE:INSIDE`.
fn ports(service: &Value) -> (String, String) {
    let all = service["ports"].as_array().unwrap().iter().map(|published| {
        let parts: Vec<&str> = published.as_str().unwrap().split(':').collect();
        assert_eq!(parts.first(), Some(&"127.0.0.1"), "nobody else's machine may reach it");
        (parts[1].to_owned(), parts[2].to_owned())
    });
    let all: Vec<_> = all.collect();
    assert_eq!(all.len(), if service["image"].as_str().unwrap().starts_with("maildev/") { 2 } else { 1 }, "{all:?}");
    all[0].clone()
}

#[test]
fn should_have_the_versions_that_the_scripts_have() {
    let (compose, versions) = (compose(), properties(&read("scripts/versions.env")));
    let services = &compose["services"];
    assert_eq!(services["kafka"]["image"], format!("apache/kafka:{}", versions["KAFKA_VERSION"]));
    assert_eq!(services["registry"]["image"], format!("apicurio/apicurio-registry:{}", versions["APICURIO_VERSION"]));
    assert_eq!(services["postgres"]["image"], format!("postgres:{}", versions["POSTGRES_VERSION"]));
    assert_eq!(services["redis"]["image"], format!("redis:{}", versions["REDIS_VERSION"]));
    assert_eq!(services["maildev"]["image"], format!("maildev/maildev:{}", versions["MAILDEV_VERSION"]));
    assert_eq!(services["prometheus"]["image"], format!("prom/prometheus:v{}", versions["PROMETHEUS_VERSION"]));
    assert_eq!(services["grafana"]["image"], format!("grafana/grafana:{}", versions["GRAFANA_VERSION"]));
}

#[test]
fn should_set_kafka_as_the_scripts_do() {
    let environment = environment(&compose()["services"]["kafka"]);
    let settings = properties(&read("scripts/services/kafka.properties"));
    assert!(settings.len() > 15, "{settings:?}");
    let own: Vec<_> = PLACES.iter().map(|key| kafka_variable(key)).chain(["KAFKA_HEAP_OPTS".to_owned()]).collect();
    assert_eq!(differences(&settings, &environment, kafka_variable, &own), [""; 0]);
    // What each derives for itself, both have.
    let script = read("scripts/kafka.sh");
    for key in PLACES {
        assert!(script.contains(&format!("echo \"{key}=")), "kafka.sh does not set {key}");
        assert!(environment.contains_key(&kafka_variable(key)), "docker/compose.yaml does not set {key}");
    }
    assert!(script.contains("${SYNCROBOARD_KAFKA_HEAP:-1g}") && environment["KAFKA_HEAP_OPTS"] == "-Xmx1g");
}

#[test]
fn should_set_the_registry_as_the_scripts_do() {
    let environment = environment(&compose()["services"]["registry"]);
    let settings = properties(&read("scripts/services/registry.properties"));
    let own = ["JAVA_OPTIONS", "APICURIO_DATASOURCE_URL"].map(str::to_owned);
    assert_eq!(differences(&settings, &environment, quarkus_variable, &own), [""; 0]);
    let script = read("scripts/registry.sh");
    assert!(script.contains(&environment["JAVA_OPTIONS"]), "another heap than registry.sh");
    assert!(script.contains(&environment["APICURIO_DATASOURCE_URL"].replace("/data/", "$dir/")), "another database");
}

#[test]
fn should_set_postgres_as_the_scripts_do() {
    let compose = compose();
    let command = words(&compose["services"]["postgres"]);
    let (program, settings) = command.split_first().unwrap();
    assert_eq!(program, "postgres");
    let pairs = settings.chunks(2).map(|pair| pair.strip_prefix(&["-c".to_owned()]).unwrap().join(""));
    assert_eq!(properties(&pairs.collect::<Vec<_>>().join("\n")), properties(&read("scripts/services/postgres.conf")));
    let made = &environment(&compose["services"]["postgres"])["POSTGRES_INITDB_ARGS"];
    let script = read("scripts/postgres.sh");
    assert!(made.split(' ').all(|word| script.contains(word)), "{made}");
}

#[test]
fn should_set_redis_as_the_scripts_do() {
    let command = words(&compose()["services"]["redis"]);
    let (program, settings) = command.split_first().unwrap();
    assert_eq!(program, "redis-server");
    let pairs = settings.chunks(2).map(|pair| pair.join("=").trim_start_matches("--").to_owned());
    assert_eq!(properties(&pairs.collect::<Vec<_>>().join("\n")), properties(&read("scripts/services/redis.conf")));
}

#[test]
fn should_say_where_its_servers_can_be_reached() {
    let (compose, text) = (compose(), read("docker/compose.yaml"));
    let kafka = &compose["services"]["kafka"];
    let (outside, inside) = ports(kafka);
    let environment = environment(kafka);
    let (listening, advertised) = (&environment["KAFKA_LISTENERS"], &environment["KAFKA_ADVERTISED_LISTENERS"]);
    assert_eq!(listeners(listening)["PLAINTEXT"], format!(":{inside}"));
    assert_eq!(listeners(advertised)["PLAINTEXT"], format!("127.0.0.1:{outside}"));
    assert!(text.contains(&format!("SYNCROBOARD_TEST_KAFKA=127.0.0.1:{outside}")));
    let (outside, _) = ports(&compose["services"]["registry"]);
    let path = "/apis/ccompat/v7";
    assert!(text.contains(&format!("SYNCROBOARD_TEST_REGISTRY=http://127.0.0.1:{outside}{path}")));
    assert!(read("scripts/registry.sh").contains(path));
    let (postgres, (outside, _)) = (&compose["services"]["postgres"], ports(&compose["services"]["postgres"]));
    let password = &crate::environment(postgres)["POSTGRES_PASSWORD"];
    let url = format!("postgres://postgres:{password}@127.0.0.1:{outside}/postgres");
    assert!(text.contains(&format!("SYNCROBOARD_TEST_POSTGRES={url}")));
    let (outside, _) = ports(&compose["services"]["redis"]);
    assert!(text.contains(&format!("SYNCROBOARD_TEST_REDIS=redis://127.0.0.1:{outside}")));
    let (outside, _) = ports(&compose["services"]["maildev"]);
    assert!(text.contains(&format!("SYNCROBOARD_TEST_SMTP=smtp://127.0.0.1:{outside} ")));
}

#[test]
fn should_keep_what_each_server_keeps_in_a_volume() {
    let compose = compose();
    for (name, service) in compose["services"].as_object().unwrap() {
        // A cache, and mails to look at: they keep nothing.
        if ["redis", "maildev"].contains(&name.as_str()) {
            continue;
        }
        let (volume, _) = service["volumes"][0].as_str().unwrap().split_once(':').unwrap();
        assert!(compose["volumes"].as_object().unwrap().contains_key(volume), "{name}: {volume}");
    }
}

/// `ENV KEY=VALUE ...` of the image.
fn environment_of_image() -> BTreeMap<String, String> {
    let text = read("docker/Dockerfile");
    let words = text.lines().filter_map(|line| line.strip_prefix("ENV ")).flat_map(|line| line.split(' '));
    words.map(|word| word.split_once('=').unwrap()).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

#[test]
fn should_be_asked_by_prometheus_where_its_processes_listen() {
    let (compose, image) = (compose(), environment_of_image());
    let prometheus: Value = serde_norway::from_str(&read("docker/prometheus/prometheus.yml")).unwrap();
    let mut asked = BTreeSet::new();
    for job in prometheus["scrape_configs"].as_array().unwrap() {
        let name = job["job_name"].as_str().unwrap();
        let place = &job["dns_sd_configs"][0];
        assert_eq!(place["names"][0], name, "a job is a service");
        let service = &compose["services"][name];
        assert_eq!(service["image"], "syncroboard", "{name}");
        let environment: BTreeMap<_, _> = image.clone().into_iter().chain(environment(service)).collect();
        let section = match name {
            "syncroboard" => "API",
            "mailer" => "MAIL",
            name => &name.to_uppercase(),
        };
        let listen = &environment[&format!("SYNCROBOARD__{section}__LISTEN")];
        assert_eq!(*listen, format!("0.0.0.0:{}", place["port"]), "{name}");
        let health = service["healthcheck"]["test"].to_string() + &read("docker/Dockerfile");
        assert!(health.contains(&format!("http://127.0.0.1:{}/healthz", place["port"])), "{name}: {health}");
        asked.insert(name.to_owned());
    }
    let services = compose["services"].as_object().unwrap().iter();
    let own = services.filter(|(_, service)| service["image"] == "syncroboard" && service["restart"] != "no");
    assert_eq!(asked, own.map(|(name, _)| name.clone()).collect::<BTreeSet<_>>(), "each process is asked");
}

#[test]
fn should_reach_each_server_by_its_name_and_inner_port() {
    let compose = compose();
    let services = compose["services"].as_object().unwrap();
    let inside = |name: &str| match name {
        "kafka" => {
            listeners(&environment(&services["kafka"])["KAFKA_LISTENERS"])["INSIDE"].trim_start_matches(':').to_owned()
        }
        name => ports(&services[name]).1,
    };
    let mut reached = 0;
    for (name, service) in services.iter().filter(|(_, service)| service["image"] == "syncroboard") {
        let depends = service["depends_on"].as_object().into_iter().flatten().map(|(on, _)| on.as_str());
        for on in depends.filter(|on| *on != "migrate") {
            let place = format!("{on}:{}", inside(on));
            assert!(environment(service).values().any(|value| value.contains(&place)), "{name} is not told {place}");
            reached += 1;
        }
    }
    assert!(reached > 10);
    let source: Value =
        serde_norway::from_str(&read("docker/grafana/provisioning/datasources/prometheus.yml")).unwrap();
    assert_eq!(source["datasources"][0]["url"], format!("http://prometheus:{}", inside("prometheus")));
    let provided: Value =
        serde_norway::from_str(&read("docker/grafana/provisioning/dashboards/syncroboard.yml")).unwrap();
    let path = provided["providers"][0]["options"]["path"].as_str().unwrap();
    let volumes = services["grafana"]["volumes"].as_array().unwrap();
    assert!(volumes.iter().any(|volume| *volume == format!("./grafana/dashboards:{path}:ro")), "{volumes:?}");
}

#[test]
fn should_run_the_binary_without_compilers_and_not_as_root() {
    let dockerfile = read("docker/Dockerfile");
    let (_, last) = dockerfile.rsplit_once("\nFROM ").unwrap();
    assert!(dockerfile.matches("\nFROM ").count() > 1 && last.contains("COPY --from=build "), "{dockerfile}");
    assert!(last.starts_with("debian:") && !last.contains("cargo"), "{last}");
    let user = last.lines().filter_map(|line| line.strip_prefix("USER ")).next_back().unwrap();
    assert!(last.contains(&format!("useradd --system --uid 10001 --no-create-home {user} ")), "{user}");
    let toolchain = read("rust-toolchain.toml");
    let version = toolchain.lines().find_map(|line| line.strip_prefix("channel = \"")?.strip_suffix('"')).unwrap();
    assert!(dockerfile.contains(&format!("FROM rust:{version}")), "{version}");
}

#[test]
fn should_find_each_difference_of_settings() {
    let of = |text: &str| properties(text);
    let own = ["KAFKA_NODE_ID".to_owned()];
    let found = |environment: &str| differences(&of("a.b=1\n# c=2\n"), &of(environment), kafka_variable, &own).len();
    assert_eq!(found("KAFKA_A_B=1\nKAFKA_NODE_ID=7"), 0);
    assert_eq!(found("KAFKA_A_B=2"), 1, "another value");
    assert_eq!(found(""), 1, "missing");
    assert_eq!(found("KAFKA_A_B=1\nKAFKA_C=2"), 1, "only there");
}
