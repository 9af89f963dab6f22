//! What is written to standard error. In JSON, a line that is logged within a traced span begins with the span's ids, where
//! log stores look for them.

use std::fmt;

use serde_json::Value;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::Log;

/// Starts logging.
pub(crate) fn init(config: &Log) {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| config.filter.clone());
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second initialisation can only be that of a test: the first one stays.
    let _ = if config.json { logs.json().map_event_format(WithIds).try_init() } else { logs.try_init() };
}

/// Lines that another format makes, with the ids of the innermost span that has some.
struct WithIds<F>(F);

impl<S, N, F> FormatEvent<S, N> for WithIds<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some((trace_id, span_id)) = ids(context) else { return self.0.format_event(context, writer, event) };
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let rest = line.strip_prefix('{').unwrap_or(&line);
        write!(writer, r#"{{"trace_id":"{trace_id}","span_id":"{span_id}",{rest}"#)
    }
}

fn ids<S, N>(context: &FmtContext<'_, S, N>) -> Option<(String, String)>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    context.event_scope()?.find_map(|span| {
        let extensions = span.extensions();
        let fields: Value = serde_json::from_str(&extensions.get::<FormattedFields<N>>()?.fields).ok()?;
        let text = |name: &str| fields[name].as_str().map(str::to_owned);
        Some((text("trace_id")?, text("span_id")?))
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn should_begin_a_line_with_the_ids_of_the_span_that_it_is_logged_in() {
        let lines = Lines::default();
        let written = lines.clone();
        let logs =
            tracing_subscriber::fmt().with_writer(move || lines.clone()).json().map_event_format(WithIds).finish();
        tracing::subscriber::with_default(logs, || {
            tracing::warn!("before");
            let outer = tracing::error_span!("outer", trace_id = "ab", span_id = "cd").entered();
            tracing::info_span!("inner", other = 1).in_scope(|| tracing::warn!("within"));
            drop(outer);
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["trace_id"], &lines[0]["fields"]["message"]), (&Value::Null, &"before".into()));
        assert_eq!((&lines[1]["trace_id"], &lines[1]["span_id"]), (&"ab".into(), &"cd".into()));
        assert_eq!((&lines[1]["fields"]["message"], &lines[1]["span"]["other"]), (&"within".into(), &1.into()));
    }
}
