//! The bearer of a token, as an extractor: a handler that takes a [`Caller`] cannot be reached without one.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::token::Identity;
use crate::problem::Problem;
use crate::state::AppState;

/// Proof that the request came with a valid bearer token of somebody who is not deactivated. Cookies do not count, so there is nothing to forge across sites.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Arc<Identity>);

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let Some(header) = parts.headers.get(AUTHORIZATION) else {
            return Err(Problem::unauthorized("token_missing", "send `Authorization: Bearer <token>`"));
        };
        let text = header.to_str().unwrap_or_default();
        let Some((_, token)) = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
            return Err(Problem::unauthorized("token_missing", "the scheme must be Bearer"));
        };
        let identity =
            state.verified(token.trim()).map_err(|error| Problem::unauthorized("token_invalid", error.to_string()))?;
        if state.is_deactivated(identity.user_id).await {
            return Err(Problem::forbidden(
                "actor_deactivated",
                "you are deactivated: only an admin can reactivate you",
            ));
        }
        Ok(Self(identity))
    }
}
