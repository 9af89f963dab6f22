//! The templates, compiled into the binary, and the headers every page goes out with.

use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};

use super::text;
use crate::problem::Problem;

/// What a browser may do with a page.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";

pub(crate) struct Templates(Environment<'static>);

impl Templates {
    pub(crate) fn new() -> Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_filter("marked", |text: String| text::marked(&text));
        for (name, source) in [
            ("layout.html", include_str!("../../templates/layout.html")),
            ("docs.html", include_str!("../../templates/docs.html")),
            ("home.html", include_str!("../../templates/home.html")),
            ("board.html", include_str!("../../templates/board.html")),
            ("ticket.html", include_str!("../../templates/ticket.html")),
            ("mails.html", include_str!("../../templates/mails.html")),
            ("own_mails.html", include_str!("../../templates/own_mails.html")),
            ("sign_in.html", include_str!("../../templates/sign_in.html")),
            ("unsubscribe.html", include_str!("../../templates/unsubscribe.html")),
            ("message.html", include_str!("../../templates/message.html")),
        ] {
            environment.add_template(name, source)?;
        }
        Ok(Self(environment))
    }

    /// A page.
    pub(crate) fn render(&self, status: StatusCode, template: &str, values: Value) -> Response {
        let rendered = self.0.get_template(template).and_then(|template| template.render(values));
        match rendered {
            Ok(html) => {
                let mut response = (status, Html(html)).into_response();
                response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
                response
            }
            Err(error) => Problem::internal(format!("template {template}: {error:#}")).into_response(),
        }
    }

    /// A page that only says something.
    pub(crate) fn message(&self, status: StatusCode, title: &str, text: &str) -> Response {
        self.render(status, "message.html", context! { title, text, visitor => "" })
    }
}
