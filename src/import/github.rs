//! GitHub's issues, as its REST API gives them, to commands. Pull requests are issues there, and here.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::command_id;

/// What of an issue is read; the rest of the object may hold anything.
#[derive(Debug, Deserialize)]
pub(super) struct Issue {
    number: Option<u64>,
    title: Option<String>,
    body: Option<String>,
    user: Option<Person>,
    labels: Option<Vec<Label>>,
    assignee: Option<Person>,
    assignees: Option<Vec<Person>>,
    state: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    html_url: Option<String>,
    repository_url: Option<String>,
    repository: Option<RepositoryField>,
}

#[derive(Debug, Deserialize)]
struct Person {
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

/// Why a record is no issue that can be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unusable {
    pub(super) code: &'static str,
    pub(super) detail: String,
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

    /// `owner/name`, the project's name.
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    pub(super) fn url(&self) -> String {
        format!("https://{}/{}/{}", self.host.as_deref().unwrap_or("github.com"), self.owner, self.name)
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
        serde_json::from_slice(record).map_err(|error| Unusable { code: "malformed", detail: error.to_string() })
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
    pub(super) fn reporter(&self) -> &str {
        login(self.user.as_ref()).unwrap_or("ghost")
    }

    /// The first assignee: a ticket has one.
    pub(super) fn assignee(&self) -> Option<&str> {
        let listed = self.assignees.iter().flatten().find_map(|person| login(Some(person)));
        listed.or_else(|| login(self.assignee.as_ref()))
    }

    /// The command that imports it into the project with this key.
    pub(super) fn command(&self, project: &str, repository: &Repository) -> Result<Command, Unusable> {
        let number = self.number.ok_or_else(|| not_an_issue("number is missing"))?;
        let created_at = self.created_at.as_deref().ok_or_else(|| not_an_issue("created_at is missing"))?;
        let status = match self.state.as_deref() {
            Some(state) if state.eq_ignore_ascii_case("open") => "OPEN",
            Some(state) if state.eq_ignore_ascii_case("closed") => "DONE",
            other => {
                let detail = format!("state is {other:?}; open and closed are known");
                return Err(Unusable { code: "status_unknown", detail });
            }
        };
        let command = ImportTicket {
            command_id: Uuid::nil(),
            kind: "ImportTicket",
            project,
            title: self.title.as_deref().unwrap_or_default(),
            description: self.body.as_deref().unwrap_or_default(),
            labels: self.label_names(),
            assignee: self.assignee().map(user_key),
            reporter: user_key(self.reporter()),
            status,
            created_at,
            updated_at: self.updated_at.as_deref(),
            external_source: repository.source(),
            external_id: number.to_string(),
            external_url: self.html_url.as_deref(),
        };
        Command::of(&command)
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

/// The key of the placeholder user for a login. GitHub compares logins without case.
pub(super) fn user_key(login: &str) -> String {
    format!("github:{}", login.to_lowercase())
}

fn login(person: Option<&Person>) -> Option<&str> {
    person?.login.as_deref().map(str::trim).filter(|login| !login.is_empty())
}

fn not_an_issue(detail: &str) -> Unusable {
    Unusable { code: "not_an_issue", detail: detail.into() }
}

/// A line that is ready to be sent, with the id that follows from what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) id: Uuid,
    pub(super) line: Vec<u8>,
}

impl Command {
    fn of(command: &ImportTicket<'_>) -> Result<Self, Unusable> {
        let unwritable = |detail: String| Unusable { code: "malformed", detail };
        let mut line = serde_json::to_vec(command).map_err(|error| unwritable(error.to_string()))?;
        let id = command_id::of_content(&line, 0);
        if !command_id::stamp(&mut line, id) {
            return Err(unwritable("the command has no place for its id".into()));
        }
        Ok(Self { id, line })
    }
}

/// The native form of the command. `command_id` stays the first field: its text is stamped over.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImportTicket<'a> {
    command_id: Uuid,
    #[serde(rename = "type")]
    kind: &'static str,
    project: &'a str,
    title: &'a str,
    description: &'a str,
    labels: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assignee: Option<String>,
    reporter: String,
    status: &'static str,
    created_at: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<&'a str>,
    external_source: String,
    external_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_url: Option<&'a str>,
}
