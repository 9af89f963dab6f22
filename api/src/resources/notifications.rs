//! `/notifications`: what the caller is told of, and what of it was read; `/preferences`: what they want to hear of.

use std::time::{Duration, Instant};

use axum::extract::State;
use connectors::read_model::MAX_PAGE;
use serde_json::{Map, json};
use uuid::Uuid;

use crate::answer::Answer;
use crate::cursor;
use crate::extract::{Body, Params, Path, Reader, Writer};
use crate::fields::Fields;
use crate::native::{Command, hyphenated, user_command};
use crate::outcome_view::Unread;
use crate::problem::Problem;
use crate::state::AppState;
use crate::submit::{Early, submit};
use crate::views::{Inbox, Notification, Preferences};

/// How often to look whether a reading has arrived; it doubles up to the second.
const FIRST_LOOK: Duration = Duration::from_millis(2);
const LAST_LOOK: Duration = Duration::from_millis(100);

/// Newest first; `unread=true` leaves out what was read.
pub(crate) async fn list(State(state): State<AppState>, reader: Reader, mut params: Params) -> Result<Answer, Problem> {
    let limit = params.limit(50, MAX_PAGE)?;
    let before = params.cursor(cursor::parse_by_sequence)?;
    let unread_only = params.flag("unread")?;
    params.finish()?;
    let user = reader.identity.user_id;
    let page = state.read_model().notifications(user, unread_only, before, limit).await?;
    let unread = state.read_model().unread(user, i64::MAX).await?;
    let actors: Vec<Uuid> = page.items.iter().map(|row| row.about.actor_id).collect();
    let actors = state.read_model().users(&actors).await?;
    let items = page.items.into_iter().map(|row| {
        let actor = actors.get(&row.about.actor_id);
        Notification::new(row, actor)
    });
    Ok(Answer::ok(Inbox { items: items.collect(), next_cursor: page.next.map(cursor::by_sequence), unread }))
}

/// Marks one as read.
pub(crate) async fn read_one(
    State(state): State<AppState>,
    Path(text): Path<String>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    let not_found = || Problem::not_found("notification", &text);
    let id = hyphenated(&text).ok_or_else(not_found)?;
    let own = state.read_model().notification(id).await?.filter(|row| row.user_id == writer.identity.user_id);
    let mut row = own.ok_or_else(not_found)?;
    read(&state, &writer, body.0, Reading::One(id)).await?;
    row.read = true;
    let actor = state.read_model().user(row.about.actor_id).await?;
    Ok(Answer::ok(Notification::new(row, actor.as_ref())))
}

/// Marks all as read that there are by now; answers how many have come since.
pub(crate) async fn read_all(State(state): State<AppState>, writer: Writer, body: Body) -> Result<Answer, Early> {
    let user = writer.identity.user_id;
    let newest = state.read_model().notifications(user, true, None, 1).await?.items.pop();
    if let Some(newest) = newest {
        read(&state, &writer, body.0, Reading::UpTo(newest.sequence)).await?;
    }
    Ok(Answer::ok(Unread { unread: state.read_model().unread(user, i64::MAX).await? }))
}

/// The caller's preferences. Whoever has not written yet has the defaults.
pub(crate) async fn read_preferences(State(state): State<AppState>, reader: Reader) -> Result<Answer, Problem> {
    let user = state.read_model().user(reader.identity.user_id).await?;
    Ok(Answer::ok(Preferences::from(user.unwrap_or_default().preferences)))
}

/// `{ mutedKinds?, mutedProjects?, locale?, email?, emailHour?, timeZone?, quietFrom?, quietTo? }`; what is absent stays as it is.
pub(crate) async fn update_preferences(
    State(state): State<AppState>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    let command = user_command("UpdatePreferences", body.0, &writer.identity.email, writer.envelope())?;
    submit(&state, &writer, &Command::User(command)).await?;
    let user = state.read_model().user(writer.identity.user_id).await?;
    Ok(Answer::ok(Preferences::from(user.unwrap_or_default().preferences)))
}

/// What was read.
#[derive(Clone, Copy)]
enum Reading {
    One(Uuid),
    UpTo(i64),
}

/// Says what was read, and looks until that can be seen: the inbox takes the command on after its outcome, which so says nothing about when.
async fn read(state: &AppState, writer: &Writer, body: Fields, reading: Reading) -> Result<(), Early> {
    body.finish()?;
    let (field, value) = match reading {
        Reading::One(id) => ("notificationId", json!(id)),
        Reading::UpTo(sequence) => ("upTo", json!(sequence)),
    };
    let fields = Fields::new(Map::from_iter([(field.to_owned(), value)]));
    let command = user_command("ReadNotifications", fields, &writer.identity.email, writer.envelope())?;
    submit(state, writer, &Command::User(command)).await?;
    let mut pause = FIRST_LOOK;
    while !is_done(state, writer.identity.user_id, reading).await? {
        let left = writer.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Problem::unavailable("what was read is taken down, but cannot be seen yet").into());
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(LAST_LOOK);
    }
    Ok(())
}

async fn is_done(state: &AppState, user: Uuid, reading: Reading) -> Result<bool, Problem> {
    Ok(match reading {
        Reading::One(id) => state.read_model().notification(id).await?.is_none_or(|row| row.read),
        Reading::UpTo(sequence) => state.read_model().unread(user, sequence).await? == 0,
    })
}
