//! `/webhooks`, the caller's own, `/projects/{id}/webhooks`, and `/webhooks/{id}`. They are no commands: they are written to the accounts
//! database, as a secret may stand in no log. Addresses are shown to those who may change them only, as people put secrets into those too.

use axum::extract::State;
use connectors::accounts::{AccountsError, NewWebhook, Owner, Webhook as Row, WebhookChange};

use crate::access;
use crate::answer::Answer;
use crate::auth::Identity;
use crate::extract::{Body, Path, Reader, Writer, now_ms};
use crate::fields::Fields;
use crate::native::hyphenated;
use crate::problem::Problem;
use crate::rejection;
use crate::state::AppState;
use crate::views::{List, Webhook};

/// Longest address, in bytes.
const MAX_URL_BYTES: usize = 2_000;

impl From<AccountsError> for Problem {
    fn from(error: AccountsError) -> Self {
        match error {
            AccountsError::TooManyWebhooks => refused("too_many_webhooks", error.to_string()),
            AccountsError::Unavailable(_) | AccountsError::NotMigrated { .. } => Self::unavailable(error),
            other => Self::internal(other),
        }
    }
}

pub(crate) async fn list(State(state): State<AppState>, reader: Reader) -> Result<Answer, Problem> {
    list_of(&state, Owner::User(reader.identity.user_id)).await
}

pub(crate) async fn list_of_project(
    State(state): State<AppState>,
    Path(id): Path<String>,
    reader: Reader,
) -> Result<Answer, Problem> {
    let project = access::maintained_project(&state, &reader, &id).await?;
    list_of(&state, Owner::Project(project.id)).await
}

pub(crate) async fn create(State(state): State<AppState>, writer: Writer, body: Body) -> Result<Answer, Problem> {
    create_for(&state, &writer, body.0, Owner::User(writer.identity.user_id)).await
}

pub(crate) async fn create_in_project(
    State(state): State<AppState>,
    Path(id): Path<String>,
    reader: Reader,
    writer: Writer,
    body: Body,
) -> Result<Answer, Problem> {
    let project = access::maintained_project(&state, &reader, &id).await?;
    create_for(&state, &writer, body.0, Owner::Project(project.id)).await
}

pub(crate) async fn read(
    State(state): State<AppState>,
    Path(id): Path<String>,
    reader: Reader,
) -> Result<Answer, Problem> {
    Ok(Answer::ok(Webhook::from(own(&state, &reader, &id).await?)))
}

/// `{ url?, kinds? }`; what is absent stays as it is, and so does the secret.
pub(crate) async fn update(
    State(state): State<AppState>,
    Path(id): Path<String>,
    reader: Reader,
    mut body: Body,
) -> Result<Answer, Problem> {
    let webhook = own(&state, &reader, &id).await?;
    let (url, kinds) = (body.0.opt_string("url")?, body.0.opt_strings("kinds")?);
    body.0.finish()?;
    let url = url.map(|url| checked_url(&state, &url)).transpose()?;
    let kinds = kinds.map(|kinds| checked_kinds(kinds, webhook.owner)).transpose()?;
    let changed = state.accounts().update_webhook(webhook.id, &WebhookChange { url, kinds }, now_ms()).await?;
    Ok(Answer::ok(Webhook::from(changed.ok_or_else(|| not_found(&id))?)))
}

pub(crate) async fn delete(
    State(state): State<AppState>,
    Path(id): Path<String>,
    reader: Reader,
    body: Body,
) -> Result<Answer, Problem> {
    let webhook = own(&state, &reader, &id).await?;
    body.0.finish()?;
    if state.accounts().delete_webhook(webhook.id).await? { Ok(Answer::no_content()) } else { Err(not_found(&id)) }
}

/// A new secret in the place of the one before, which counts no more.
pub(crate) async fn rotate(
    State(state): State<AppState>,
    Path(id): Path<String>,
    reader: Reader,
    body: Body,
) -> Result<Answer, Problem> {
    let webhook = own(&state, &reader, &id).await?;
    body.0.finish()?;
    let rotated = state.accounts().rotate_secret(webhook.id, now_ms()).await?;
    Ok(Answer::ok(Webhook::with_secret(rotated.ok_or_else(|| not_found(&id))?)))
}

async fn list_of(state: &AppState, owner: Owner) -> Result<Answer, Problem> {
    let items = state.accounts().webhooks_of(owner).await?.into_iter().map(Webhook::from).collect();
    Ok(Answer::ok(List { items, next_cursor: None }))
}

async fn create_for(state: &AppState, writer: &Writer, mut fields: Fields, owner: Owner) -> Result<Answer, Problem> {
    let (url, kinds) = (fields.string("url")?, fields.strings("kinds")?);
    fields.finish()?;
    let new = NewWebhook {
        // Whoever sends an `Idempotency-Key` again makes no second one.
        id: writer.command_id,
        owner,
        url: checked_url(state, &url)?,
        kinds: checked_kinds(kinds, owner)?,
        created_by: writer.identity.user_id,
        at: now_ms(),
    };
    let made = state.accounts().create_webhook(&new).await?;
    if !is_as_asked_for(&made, &new) {
        let detail = "it was used for another webhook, or for this one as it was before it was changed";
        return Err(refused("idempotency_key_reused", detail.to_owned()));
    }
    let location = format!("/webhooks/{}", made.id);
    Ok(Answer::created(Webhook::with_secret(made), &location))
}

/// Whether this is what a request made, whenever it did. One that was changed since may have another secret, which is not to be told.
fn is_as_asked_for(made: &Row, new: &NewWebhook) -> bool {
    made.updated_at == made.created_at
        && (made.owner, made.created_by) == (new.owner, new.created_by)
        && (&made.url, &made.kinds) == (&new.url, &new.kinds)
}

/// The webhook, if the caller may see and change it: their own, or that of a project that they maintain.
pub(super) async fn own(state: &AppState, reader: &Reader, text: &str) -> Result<Row, Problem> {
    access::wait(state, reader).await?;
    let id = hyphenated(text).ok_or_else(|| not_found(text))?;
    let webhook = state.accounts().webhook(id).await?.ok_or_else(|| not_found(text))?;
    if !may_see(state, &reader.identity, webhook.owner).await? {
        return Err(not_found(text));
    }
    if let Owner::Project(project) = webhook.owner {
        access::must_maintain(state, &reader.identity, project).await?;
    }
    Ok(webhook)
}

async fn may_see(state: &AppState, identity: &Identity, owner: Owner) -> Result<bool, Problem> {
    match owner {
        // Nobody else's business, as notifications are.
        Owner::User(user) => Ok(user == identity.user_id),
        Owner::Project(project) => access::may_see(state, identity, project).await,
    }
}

fn not_found(text: &str) -> Problem {
    Problem::not_found("webhook", text)
}

fn checked_url(state: &AppState, text: &str) -> Result<String, Problem> {
    let wrong = |why: String| refused("url_invalid", format!("`url` {why}")).field("url");
    // Before and after: what is written otherwise in a URL becomes longer.
    let short = |text: String| {
        if text.len() <= MAX_URL_BYTES {
            Ok(text)
        } else {
            Err(wrong(format!("may have {MAX_URL_BYTES} bytes at most")))
        }
    };
    let url = state.webhook_targets().check(&short(text.to_owned())?).map_err(|error| wrong(error.to_string()))?;
    short(url.into())
}

/// Each once.
fn checked_kinds(kinds: Vec<String>, owner: Owner) -> Result<Vec<String>, Problem> {
    let mut checked: Vec<String> = Vec::with_capacity(owner.kinds().len());
    for kind in kinds {
        if !owner.kinds().contains(&kind.as_str()) {
            let shown: String = kind.chars().take(60).collect();
            let detail = format!("`kinds`: a {}'s webhook is told of nothing named {shown:?}", owner.kind());
            let allowed = owner.kinds().iter().map(|&kind| kind.to_owned()).collect();
            return Err(refused("kind_unknown", detail).field("kinds").allowed(allowed));
        }
        if !checked.contains(&kind) {
            checked.push(kind);
        }
    }
    Ok(checked)
}

fn refused(code: &str, detail: String) -> Problem {
    rejection::problem(code.to_owned(), detail, None, Vec::new(), false)
}
