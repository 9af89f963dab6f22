//! Jira's issues, as its REST API gives them in a search result, of Cloud (v3, v2) and of Data Center.

use serde::Deserialize;
use serde_json::Value;

use super::adf;
use super::dates::moment;
use super::keys::ProjectOrigin;
use super::mapping::Mapping;
use super::people::{Account, Person};
use super::ticket::{ForeignComment, ForeignTicket, Unusable};

/// What of an issue is read; the rest of the object may hold anything.
#[derive(Debug, Deserialize)]
pub(super) struct Issue {
    id: Option<String>,
    key: Option<String>,
    #[serde(rename = "self")]
    address: Option<String>,
    fields: Option<Fields>,
}

#[derive(Debug, Deserialize)]
struct Fields {
    summary: Option<String>,
    description: Option<Value>,
    status: Option<Status>,
    priority: Option<Named>,
    assignee: Option<JiraUser>,
    reporter: Option<JiraUser>,
    creator: Option<JiraUser>,
    labels: Option<Vec<String>>,
    created: Option<String>,
    updated: Option<String>,
    duedate: Option<String>,
    comment: Option<Comments>,
    project: Option<Project>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    name: Option<String>,
    status_category: Option<Category>,
}

#[derive(Debug, Deserialize)]
struct Category {
    key: Option<String>,
}

/// Cloud knows people by account, Data Center by name. Whether there is an address is up to each one's privacy.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct JiraUser {
    account_id: Option<String>,
    name: Option<String>,
    key: Option<String>,
    email_address: Option<String>,
    display_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Project {
    key: Option<String>,
    name: Option<String>,
}

/// A search gives so many comments of an issue and says how many there are.
#[derive(Debug, Default, Deserialize)]
struct Comments {
    comments: Option<Vec<JiraComment>>,
    total: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct JiraComment {
    id: Option<String>,
    author: Option<JiraUser>,
    body: Option<Value>,
    created: Option<String>,
}

impl Issue {
    /// Reads a record.
    pub(super) fn read(record: &[u8]) -> Result<Self, Unusable> {
        serde_json::from_slice(record).map_err(|error| Unusable::json(&error))
    }

    /// The Jira project, which a project here is made for.
    pub(super) fn project(&self) -> Result<ProjectOrigin, Unusable> {
        let project = self.fields.as_ref().and_then(|fields| fields.project.as_ref());
        let of_the_issue = filled(self.key.as_deref()).and_then(|key| Some(key.rsplit_once('-')?.0));
        let key = project
            .and_then(|project| filled(project.key.as_deref()))
            .or(of_the_issue)
            .ok_or_else(|| not_an_issue("neither key nor fields.project.key names a project"))?;
        let name = project.and_then(|project| filled(project.name.as_deref())).unwrap_or(key);
        let url = match self.site() {
            Some(site) => format!("{}/browse/{key}", site.base),
            None => format!("jira:{key}"),
        };
        Ok(ProjectOrigin { stem: key.to_owned(), name: name.to_owned(), url, has_own_name: false })
    }

    /// The ticket that it becomes.
    pub(super) fn ticket(self, mapping: &mut Mapping) -> Result<ForeignTicket, Unusable> {
        let site = self.site();
        let source = site.as_ref().map_or_else(|| "jira".to_owned(), |site| format!("jira:{}", site.host));
        let id = filled(self.key.as_deref()).or(filled(self.id.as_deref()));
        let id = id.ok_or_else(|| not_an_issue("key is missing"))?.to_owned();
        let url = site.filter(|_| self.key.is_some()).map(|site| format!("{}/browse/{id}", site.base));
        let fields = self.fields.ok_or_else(|| not_an_issue("fields is missing"))?;
        let created = filled(fields.created.as_deref()).ok_or_else(|| not_an_issue("fields.created is missing"))?;
        let date =
            |field: &str, text: &Option<String>| filled(text.as_deref()).map(|text| moment(field, text)).transpose();
        let (created_at, updated_at) = (moment("fields.created", created)?, date("fields.updated", &fields.updated)?);
        let due_date = date("fields.duedate", &fields.duedate)?;
        let comments = comments(fields.comment.unwrap_or_default(), mapping)?;
        let status = fields.status.as_ref();
        let category = status.and_then(|status| status.status_category.as_ref()?.key.as_deref());
        let state = mapping.state(status.and_then(|status| status.name.as_deref()).unwrap_or_default(), category);
        let priority = fields.priority.and_then(|priority| priority.name);
        let reporter = fields.reporter.or(fields.creator).unwrap_or_default();
        let mut labels: Vec<String> = Vec::new();
        for label in fields.labels.unwrap_or_default() {
            if !label.trim().is_empty() && !labels.contains(&label) {
                labels.push(label);
            }
        }
        Ok(ForeignTicket {
            title: fields.summary.unwrap_or_default(),
            description: adf::text(fields.description.as_ref()),
            labels,
            status: state,
            priority: mapping.priority(priority.as_deref().unwrap_or_default()),
            assignee: fields.assignee.filter(JiraUser::is_somebody).map(|user| user.person(mapping)),
            reporter: Some(reporter.person(mapping)),
            created_at,
            updated_at,
            due_date,
            source,
            id,
            url,
            comments,
        })
    }

    /// How many of its comments the file does not have.
    pub(super) fn missing_comments(&self) -> u64 {
        let comments = self.fields.as_ref().and_then(|fields| fields.comment.as_ref());
        comments.map_or(0, |comments| {
            let there = comments.comments.as_ref().map_or(0, Vec::len) as u64;
            comments.total.unwrap_or(there).saturating_sub(there)
        })
    }

    /// The installation, from `https://example.atlassian.net/rest/api/3/issue/10002`.
    fn site(&self) -> Option<Site> {
        let (base, _) = self.address.as_deref()?.split_once("/rest/")?;
        let (_, host) = base.split_once("://")?;
        (!host.is_empty()).then(|| Site { base: base.to_owned(), host: host.to_lowercase() })
    }
}

/// Where an installation is: its address, and the same without the scheme.
struct Site {
    base: String,
    host: String,
}

fn comments(comments: Comments, mapping: &mut Mapping) -> Result<Vec<ForeignComment>, Unusable> {
    let mut out = Vec::new();
    for (comment, number) in comments.comments.unwrap_or_default().into_iter().zip(1_u64..) {
        let text = adf::text(comment.body.as_ref());
        if text.trim().is_empty() {
            continue;
        }
        let content = match filled(comment.created.as_deref()) {
            // A comment is dated when it is made here: when it was written has to stand in it.
            Some(written) => format!("*{}*\n\n{text}", moment("fields.comment.created", written)?),
            None => text,
        };
        let id = filled(comment.id.as_deref()).map_or_else(|| number.to_string(), str::to_owned);
        out.push(ForeignComment { id, author: comment.author.unwrap_or_default().person(mapping), content });
    }
    Ok(out)
}

impl JiraUser {
    fn names(&self) -> impl Iterator<Item = &str> {
        let names = [&self.account_id, &self.name, &self.key, &self.email_address, &self.display_name];
        names.into_iter().filter_map(|name| filled(name.as_deref()))
    }

    fn is_somebody(&self) -> bool {
        self.names().next().is_some()
    }

    /// Who this is here: as the mapping file says, by address, or a placeholder.
    fn person(&self, mapping: &mut Mapping) -> Person {
        let shown = filled(self.display_name.as_deref()).or(self.names().next()).unwrap_or("Anonymous");
        let known = mapping
            .given_account(self.names())
            .or_else(|| filled(self.email_address.as_deref()).and_then(Account::email));
        if let Some(account) = known {
            return Person { account, name: shown.to_owned() };
        }
        // Jira calls somebody who was not signed in anonymous.
        let person = Person::placeholder("jira", self.names().next().unwrap_or("anonymous"), shown);
        mapping.guessed_person(&person);
        person
    }
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn not_an_issue(detail: &str) -> Unusable {
    Unusable { code: "not_an_issue", detail: detail.into() }
}
