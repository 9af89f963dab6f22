//! The rules about users: RegisterUser, UpdatePreferences, ReadNotifications, and who a user key means.
//!
//! Guards of the last two, in their order: insufficient_role (for oneself, or by an admin), user_unknown, and of UpdatePreferences
//! kind_unknown, too_many_projects, locale_unknown, email_mode_unknown, email_hour_invalid, time_zone_unknown and quiet_hours_invalid.
//!
//! Guards in their order: email_invalid or login_invalid, insufficient_role, name_too_long, email_taken. A placeholder
//! may be registered by anyone, a user with an e-mail by themselves or an admin, an admin by an admin.

use schemas::{
    Preferences, Record, RegisterUser, UpdatePreferences, UserCreated, UserEvent, UserState, UserUpdated, event, ids,
};
use uuid::Uuid;

use crate::fields;
use crate::notifications::{EMAIL_MODES, KINDS, LOCALES, are_quiet_hours, is_time_zone};
use crate::rejection::{Needed, Rejection};

const ROLE_MEMBER: &str = "member";
const ROLE_ADMIN: &str = "admin";

/// Decides about a RegisterUser. `known` is the user that has the key already; `at` is the timestamp of the command's
/// record, in milliseconds since the Unix epoch.
///
/// # Errors
/// The rules refuse the command.
pub fn decide_user(known: Option<&UserState>, command: RegisterUser, at: i64) -> Result<UserEvent, Rejection> {
    let who = Who::of(&command)?;
    let user_id = ids::user_id(&command.user_key);
    let oneself = command.actor_id == user_id;
    if who.email.is_some() && !oneself && !command.actor_admin {
        return Err(Rejection::InsufficientRole { needed: Needed::SelfOrAdmin });
    }
    if command.admin && !command.actor_admin {
        return Err(Rejection::InsufficientRole { needed: Needed::Admin });
    }
    let name = match fields::name(command.name) {
        Err(Rejection::NameEmpty) => who.nickname.clone(),
        name => name?,
    };
    if known.is_some() {
        return Err(Rejection::EmailTaken { user_key: command.user_key });
    }
    Ok(UserEvent::from(UserCreated {
        event_id: ids::event_id(command.command_id, 0),
        correlation_id: command.correlation_id,
        causation_id: command.command_id,
        published_at: at,
        version: UserCreated::VERSION,
        source: event::SOURCE.to_owned(),
        user_id,
        sequence: 1,
        email: who.email,
        name,
        role: if command.admin { ROLE_ADMIN } else { ROLE_MEMBER }.to_owned(),
        login_source: who.source,
        login: who.login,
        created_at: at,
    }))
}

/// Decides about an UpdatePreferences; no event if it asks for what is so already. `at` is as for [`decide_user`].
///
/// # Errors
/// The rules refuse the command.
pub fn decide_preferences(
    known: Option<&UserState>,
    command: UpdatePreferences,
    at: i64,
) -> Result<Option<UserEvent>, Rejection> {
    let user = themselves(known, &command.user_key, command.actor_id, command.actor_admin)?;
    let old = &user.preferences;
    let mut muted_kinds = command.muted_kinds.unwrap_or_else(|| old.muted_kinds.clone());
    let mut muted_projects = command.muted_projects.unwrap_or_else(|| old.muted_projects.clone());
    if let Some(kind) = muted_kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        return Err(Rejection::KindUnknown { kind: kind.clone() });
    }
    muted_kinds.sort_unstable();
    muted_kinds.dedup();
    muted_projects.sort_unstable();
    muted_projects.dedup();
    if muted_projects.len() > fields::MUTED_PROJECTS_MAX {
        return Err(Rejection::TooManyProjects { count: muted_projects.len() });
    }
    let locale = command.locale.unwrap_or_else(|| old.locale.clone());
    if !locale.is_empty() && !LOCALES.contains(&locale.as_str()) {
        return Err(Rejection::LocaleUnknown { locale });
    }
    let email = command.email.unwrap_or_else(|| old.email.clone());
    if !email.is_empty() && !EMAIL_MODES.contains(&email.as_str()) {
        return Err(Rejection::EmailModeUnknown { mode: email });
    }
    let email_hour = command.email_hour.or(old.email_hour);
    if let Some(hour) = email_hour.filter(|hour| !(0..24).contains(hour)) {
        return Err(Rejection::EmailHourInvalid { hour });
    }
    let time_zone = command.time_zone.unwrap_or_else(|| old.time_zone.clone());
    if !is_time_zone(&time_zone) {
        return Err(Rejection::TimeZoneUnknown { time_zone });
    }
    let quiet_from = command.quiet_from.unwrap_or_else(|| old.quiet_from.clone());
    let quiet_to = command.quiet_to.unwrap_or_else(|| old.quiet_to.clone());
    if !are_quiet_hours(&quiet_from, &quiet_to) {
        return Err(Rejection::QuietHoursInvalid { from: quiet_from, to: quiet_to });
    }
    let preferences =
        Preferences { muted_kinds, muted_projects, locale, email, email_hour, time_zone, quiet_from, quiet_to };
    if preferences == *old {
        return Ok(None);
    }
    let event = UserUpdated { preferences, ..changed(user, command.command_id, command.correlation_id, at) };
    Ok(Some(event.into()))
}

/// The next event of a user, which says all that was so before.
pub(crate) fn changed(user: &UserState, command_id: Uuid, correlation_id: Uuid, at: i64) -> UserUpdated {
    let user = user.clone();
    UserUpdated {
        event_id: ids::event_id(command_id, 0),
        correlation_id,
        causation_id: command_id,
        published_at: at,
        version: UserUpdated::VERSION,
        source: event::SOURCE.to_owned(),
        user_id: user.user_id,
        sequence: user.sequence + 1,
        email: user.email,
        name: user.name,
        role: user.role,
        login_source: user.source,
        login: user.login,
        created_at: user.created_at,
        preferences: user.preferences,
        deactivated: user.deactivated,
    }
}

/// The user, if the actor is that user or an admin.
pub(crate) fn themselves<'u>(
    known: Option<&'u UserState>,
    user_key: &str,
    actor_id: Uuid,
    actor_admin: bool,
) -> Result<&'u UserState, Rejection> {
    if !actor_admin && actor_id != ids::user_id(user_key) {
        return Err(Rejection::InsufficientRole { needed: Needed::SelfOrAdmin });
    }
    known.ok_or_else(|| Rejection::UserUnknown { user_key: user_key.to_owned() })
}

/// The state of a user after an event, with the key that it is stored under.
#[must_use]
pub fn evolve_user(event: &UserEvent) -> (String, UserState) {
    let user = event.clone().into_user();
    let state = UserState {
        user_id: user.user_id,
        email: user.email,
        name: user.name,
        role: user.role,
        source: user.login_source,
        login: user.login,
        created_at: user.created_at,
        sequence: user.sequence,
        preferences: user.preferences,
        deactivated: user.deactivated,
    };
    let key = state.email.clone().unwrap_or_else(|| {
        let (source, login) = (state.source.as_deref(), state.login.as_deref());
        ids::placeholder_key(source.unwrap_or_default(), login.unwrap_or_default())
    });
    (key, state)
}

/// The handle that a user's e-mail or login suggests.
#[must_use]
pub fn handle_of(user: &UserState) -> Option<String> {
    let local = user.email.as_deref().and_then(|email| email.split('@').next());
    fields::suggested_handle(local.or(user.login.as_deref())?)
}

/// Who a RegisterUser is about.
struct Who {
    email: Option<String>,
    source: Option<String>,
    login: Option<String>,
    /// The name of someone who gave none.
    nickname: String,
}

impl Who {
    /// email_invalid, login_invalid: also if the key is not what e-mail or login make it.
    fn of(command: &RegisterUser) -> Result<Self, Rejection> {
        if let Some(raw) = &command.email {
            let email = fields::email(raw)?;
            if email != command.user_key {
                return Err(Rejection::EmailInvalid { email: raw.clone() });
            }
            let nickname = email.split('@').next().unwrap_or_default().to_owned();
            return Ok(Self { email: Some(email), source: None, login: None, nickname });
        }
        let (Some(source), Some(login)) = (&command.source, &command.login) else {
            return Err(Rejection::LoginInvalid);
        };
        let good = fields::is_reference(source)
            && fields::is_reference(login)
            && !source.contains([':', '@'])
            && !source.contains(char::is_whitespace)
            && !login.contains(char::is_whitespace)
            && ids::placeholder_key(source, login) == command.user_key;
        if !good {
            return Err(Rejection::LoginInvalid);
        }
        Ok(Self { email: None, source: Some(source.clone()), login: Some(login.clone()), nickname: login.clone() })
    }
}
