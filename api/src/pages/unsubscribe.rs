//! `/unsubscribe?token=...`: where the link in a mail leads. The token says who it is, so nobody has to sign in.
//!
//! Looking changes nothing, as mail scanners follow links. A POST unsubscribes, whether the button sends it or a mail program
//! (RFC 8058): what its body says does not matter.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRequestParts, Query};
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use minijinja::context;
use schemas::reader::UserRow;
use serde_json::{Map, json};
use topology::trace::Trace;
use uuid::Uuid;

use super::{not_now, nothing_here};
use crate::auth::Identity;
use crate::extract::Writer;
use crate::fields::Fields;
use crate::native::{Command, user_command};
use crate::prefer::Preferences;
use crate::problem::Problem;
use crate::state::AppState;
use crate::submit::{Early, submit_of_known};

/// Somebody with a good token.
pub(crate) struct Recipient {
    state: AppState,
    /// None if they are not known any more.
    user: Option<UserRow>,
    locale: &'static str,
    trace: Trace,
}

impl FromRequestParts<AppState> for Recipient {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let query = Query::<BTreeMap<String, String>>::from_request_parts(parts, state).await;
        let token = query.ok().and_then(|Query(mut query)| query.remove("token")).unwrap_or_default();
        let id = state.unsubscribes(&token).ok_or_else(|| nothing_here(state))?;
        let user = state.read_model().user(id).await.map_err(|error| not_now(state, error.into()))?;
        let locale = locale(user.as_ref(), &parts.headers);
        let trace = parts.extensions.get().cloned().unwrap_or_default();
        Ok(Self { state: state.clone(), user, locale, trace })
    }
}

/// Asks.
pub(crate) async fn read(recipient: Recipient) -> Response {
    recipient.page(StatusCode::OK, Said::Ask)
}

/// Unsubscribes. Whoever is not known any more gets no mails, as asked.
pub(crate) async fn create(recipient: Recipient) -> Response {
    let email = recipient.user.as_ref().and_then(|user| user.email.as_deref());
    let Some(email) = email else { return recipient.page(StatusCode::OK, Said::Done) };
    match unsubscribe(&recipient, email).await {
        Ok(()) => recipient.page(StatusCode::OK, Said::Done),
        Err(Early::Problem(problem)) if problem.code() == "user_unknown" => recipient.page(StatusCode::OK, Said::Done),
        Err(Early::Problem(problem)) => not_now(&recipient.state, problem),
        Err(Early::Later(_)) => recipient.page(StatusCode::ACCEPTED, Said::Later),
    }
}

/// In the name of the user, who may be no administrator for this.
async fn unsubscribe(recipient: &Recipient, email: &str) -> Result<(), Early> {
    let state = &recipient.state;
    let command_id = Uuid::new_v4();
    let writer = Writer {
        identity: Arc::new(Identity::new(email, "", false)),
        key: None,
        command_id,
        correlation_id: command_id,
        traceparent: None,
        trace: recipient.trace.clone(),
        if_match: None,
        preferences: Preferences::default(),
        applied: None,
        deadline: Instant::now() + state.limits().outcome_wait,
    };
    let fields = Fields::new(Map::from_iter([("email".to_owned(), json!("none"))]));
    let command = user_command("UpdatePreferences", fields, email, writer.envelope()).map_err(Problem::from)?;
    submit_of_known(state, &writer, &Command::User(command)).await?;
    Ok(())
}

/// What the page says.
#[derive(Clone, Copy)]
enum Said {
    Ask,
    Done,
    Later,
}

impl Recipient {
    fn page(&self, status: StatusCode, said: Said) -> Response {
        let (title, text, button) = words(self.locale, said);
        let values = context! { locale => self.locale, title, text, button, visitor => "" };
        self.state.templates().render(status, "unsubscribe.html", values)
    }
}

fn words(locale: &str, said: Said) -> (&'static str, &'static str, &'static str) {
    match (locale, said) {
        ("es", Said::Ask) => (
            "Darte de baja",
            "Pulsa el botón si no quieres recibir más correos de SyncroBoard. Lo que pase seguirá en tus notificaciones.",
            "Darme de baja",
        ),
        ("es", Said::Done) => (
            "Baja hecha",
            "Ya no recibirás correos de SyncroBoard. Puedes cambiarlo cuando quieras en tus preferencias.",
            "",
        ),
        ("es", Said::Later) => (
            "Baja en camino",
            "La hemos anotado y se hará en un momento. Puedes cambiarlo cuando quieras en tus preferencias.",
            "",
        ),
        (_, Said::Ask) => (
            "Unsubscribe",
            "Press the button if you want no more e-mails of SyncroBoard. What happens still stands in your notifications.",
            "Unsubscribe",
        ),
        (_, Said::Done) => (
            "You are unsubscribed",
            "You get no more e-mails of SyncroBoard. You can change that at any time in your preferences.",
            "",
        ),
        (_, Said::Later) => (
            "Almost unsubscribed",
            "It is taken down and done in a moment. You can change it at any time in your preferences.",
            "",
        ),
    }
}

/// That of the user, else the first of the browser's that there is.
fn locale(user: Option<&UserRow>, headers: &HeaderMap) -> &'static str {
    let own = user.map(|user| user.preferences.locale.as_str()).unwrap_or_default();
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let known = |tag: &str| {
        let language = tag.split(['-', ';']).next().unwrap_or_default().trim();
        ["en", "es"].into_iter().find(|known| known.eq_ignore_ascii_case(language))
    };
    [own].into_iter().chain(accepted.split(',')).find_map(known).unwrap_or("en")
}
