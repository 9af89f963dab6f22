//! GitHub's issues, as its REST API gives them, to commands. Pull requests are issues there, and here.

use serde::Deserialize;
use uuid::Uuid;

use super::keys::ProjectOrigin;
use super::mapping::Mapping;
use super::people::Person;
use super::ticket::{Command, IMPORT_TICKET, ImportTicket, Unusable};

/// What of an issue is read; the rest of the object may hold anything.
#[derive(Debug, Deserialize)]
pub(super) struct Issue {
    number: Option<u64>,
    title: Option<String>,
    body: Option<String>,
    user: Option<Account>,
    labels: Option<Vec<Label>>,
    assignee: Option<Account>,
    assignees: Option<Vec<Account>>,
    state: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    html_url: Option<String>,
    repository_url: Option<String>,
    repository: Option<RepositoryField>,
}

#[derive(Debug, Deserialize)]
struct Account {
    login: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RepositoryField {
    full_name: Option<String>,
}

/// Labels are objects now and were plain text in earlier versions of the API.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Label {
    Name(String),
    Object { name: Option<String> },
}

/// A repository: where issues come from, and what their project is named for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Repository {
    /// None for github.com itself.
    pub(super) host: Option<String>,
    pub(super) owner: String,
    pub(super) name: String,
}

impl Repository {
    /// The source of the external references, the same whatever project the issues go to.
    pub(super) fn source(&self) -> String {
        match &self.host {
            Some(host) => format!("github:{host}/{}/{}", self.owner, self.name),
            None => format!("github:{}/{}", self.owner, self.name),
        }
    }

    /// What its project here is named for.
    pub(super) fn origin(&self) -> ProjectOrigin {
        let host = self.host.as_deref().unwrap_or("github.com");
        let url = format!("https://{host}/{}/{}", self.owner, self.name);
        ProjectOrigin {
            stem: self.name.clone(),
            name: format!("{}/{}", self.owner, self.name),
            url,
            has_own_name: true,
        }
    }

    fn new(host: &str, owner: &str, name: &str) -> Option<Self> {
        let host = host.strip_prefix("www.").unwrap_or(host);
        let host = (host != "github.com" && host != "api.github.com").then(|| host.to_owned());
        let usable = !owner.is_empty() && !name.is_empty();
        usable.then(|| Self { host, owner: owner.to_owned(), name: name.to_owned() })
    }

    /// From `https://api.github.com/repos/o/n`, or `https://ghe.example.org/api/v3/repos/o/n`.
    fn from_api_url(url: &str) -> Option<Self> {
        let (host, path) = split_url(url)?;
        let mut parts = path.split_once("repos/")?.1.split('/');
        Self::new(host, parts.next()?, parts.next()?)
    }

    /// From `https://github.com/o/n/issues/1`.
    fn from_page_url(url: &str) -> Option<Self> {
        let (host, path) = split_url(url)?;
        let mut parts = path.split('/');
        Self::new(host, parts.next()?, parts.next()?)
    }
}

fn split_url(url: &str) -> Option<(&str, &str)> {
    url.split_once("://")?.1.split_once('/')
}

impl Issue {
    /// Reads a record.
    pub(super) fn read(record: &[u8]) -> Result<Self, Unusable> {
        serde_json::from_slice(record).map_err(|error| Unusable::json(&error))
    }

    /// The repository, from whichever field names it.
    pub(super) fn repository(&self) -> Result<Repository, Unusable> {
        let field = self.repository.as_ref().and_then(|repository| repository.full_name.as_deref());
        self.repository_url
            .as_deref()
            .and_then(Repository::from_api_url)
            .or_else(|| self.html_url.as_deref().and_then(Repository::from_page_url))
            .or_else(|| field?.split_once('/').and_then(|(owner, name)| Repository::new("github.com", owner, name)))
            .ok_or_else(|| not_an_issue("neither repository_url nor html_url names a repository"))
    }

    /// Who opened it. An account that was deleted is shown by GitHub as `ghost`.
    pub(super) fn reporter(&self, mapping: &Mapping) -> Person {
        person(login(self.user.as_ref()).unwrap_or("ghost"), mapping)
    }

    /// The first assignee: a ticket has one.
    pub(super) fn assignee(&self, mapping: &Mapping) -> Option<Person> {
        let listed = self.assignees.iter().flatten().find_map(|account| login(Some(account)));
        listed.or_else(|| login(self.assignee.as_ref())).map(|login| person(login, mapping))
    }

    /// The command that imports it into the project with this key.
    pub(super) fn command(
        &self,
        project: &str,
        repository: &Repository,
        mapping: &Mapping,
    ) -> Result<Command, Unusable> {
        let number = self.number.ok_or_else(|| not_an_issue("number is missing"))?;
        let created_at = self.created_at.as_deref().ok_or_else(|| not_an_issue("created_at is missing"))?;
        let given = self.state.as_deref().and_then(|state| mapping.given_state(state));
        let status = match (given, self.state.as_deref()) {
            (Some(status), _) => status,
            (None, Some(state)) if state.eq_ignore_ascii_case("open") => "OPEN",
            (None, Some(state)) if state.eq_ignore_ascii_case("closed") => "DONE",
            (None, other) => {
                let detail = format!("state is {other:?}; open and closed are known");
                return Err(Unusable { code: "status_unknown", detail });
            }
        };
        let source = repository.source();
        let id = number.to_string();
        Command::of(&ImportTicket {
            command_id: Uuid::nil(),
            kind: IMPORT_TICKET,
            project,
            title: self.title.as_deref().unwrap_or_default(),
            description: self.body.as_deref().unwrap_or_default(),
            labels: self.label_names(),
            assignee: self.assignee(mapping).map(|person| person.key()),
            reporter: Some(self.reporter(mapping).key()),
            status,
            created_at,
            updated_at: self.updated_at.as_deref(),
            external_source: &source,
            external_id: &id,
            external_url: self.html_url.as_deref(),
            priority: None,
            due_date: None,
        })
    }

    fn label_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for label in self.labels.iter().flatten() {
            let name = match label {
                Label::Name(name) => name.trim(),
                Label::Object { name } => name.as_deref().unwrap_or_default().trim(),
            };
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// A placeholder, unless the mapping file knows the login. GitHub compares logins without case.
fn person(login: &str, mapping: &Mapping) -> Person {
    match mapping.given_account([login]) {
        Some(account) => Person { account, name: login.to_owned() },
        None => Person::placeholder("github", login, login),
    }
}

fn login(account: Option<&Account>) -> Option<&str> {
    account?.login.as_deref().map(str::trim).filter(|login| !login.is_empty())
}

fn not_an_issue(detail: &str) -> Unusable {
    Unusable { code: "not_an_issue", detail: detail.into() }
}
