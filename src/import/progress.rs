//! How far an import is: a bar on a terminal, a line every few seconds anywhere else.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::report::grouped;

const REDRAW: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Follows the records that have their answer. The time left comes from the bytes of the input, as nobody has counted
/// its records beforehand.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    total_bytes: Option<u64>,
    started: Instant,
    shown: Instant,
    answered: u64,
    window: Window,
}

/// The part of the input that is under way.
#[derive(Debug, Default)]
struct Window {
    from_bytes: u64,
    to_bytes: u64,
    records: u64,
    answered: u64,
}

impl Progress {
    pub(super) fn new(total_bytes: Option<u64>) -> Self {
        let now = Instant::now();
        let bar = std::io::stderr().is_terminal().then(|| bar(total_bytes));
        Self { bar, total_bytes, started: now, shown: now, answered: 0, window: Window::default() }
    }

    /// So many records were read, up to this position in the input.
    pub(super) fn window(&mut self, records: usize, to_bytes: u64) {
        self.window = Window { from_bytes: self.window.to_bytes, to_bytes, records: records as u64, answered: 0 };
        self.show();
    }

    /// One more record has its answer.
    pub(super) fn answered(&mut self) {
        self.answered += 1;
        self.window.answered += 1;
        let every = if self.bar.is_some() { REDRAW } else { LINE_EVERY };
        if self.shown.elapsed() >= every {
            self.show();
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self) {
        let due = self.bar.is_some() || self.shown.elapsed() >= LINE_EVERY;
        if !due {
            return;
        }
        self.shown = Instant::now();
        let text = self.text();
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.position());
                bar.set_message(text);
                bar.tick();
            }
            None => eprintln!("import: {text}"),
        }
    }

    /// The position in the input up to which all is answered, as far as that can be told.
    fn position(&self) -> u64 {
        let Window { from_bytes, to_bytes, records, answered } = self.window;
        let part = u128::from(to_bytes.saturating_sub(from_bytes)) * u128::from(answered.min(records));
        from_bytes + u64::try_from(part / u128::from(records.max(1))).unwrap_or_default()
    }

    fn text(&self) -> String {
        let elapsed = self.elapsed().as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rate = (self.answered as f64 / elapsed) as u64;
        let left =
            time_left(elapsed, self.position(), self.total_bytes).map_or_else(String::new, |left| format!(", {left}"));
        format!("{} records, {}/s{left}", grouped(self.answered), grouped(rate))
    }
}

fn bar(total_bytes: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total_bytes, ProgressDrawTarget::stderr());
    let template = if total_bytes.is_some() { "{bar:32} {percent:>3}%  {msg}" } else { "{spinner} {msg}" };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// `about 12 s left`, once enough is done to tell.
fn time_left(elapsed_s: f64, position: u64, total: Option<u64>) -> Option<String> {
    let total = total?;
    // The first answers, people and projects, say nothing about the pace of the rest.
    if position.saturating_mul(20) < total || position == 0 || position > total {
        return None;
    }
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let seconds = (elapsed_s * (total - position) as f64 / position as f64).ceil() as u64;
    Some(match seconds {
        0..120 => format!("about {seconds} s left"),
        _ => format!("about {} min left", seconds.div_ceil(60)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_estimate_the_time_left_from_the_bytes() {
        assert_eq!(time_left(10.0, 25, Some(100)).as_deref(), Some("about 30 s left"));
        assert_eq!(time_left(100.0, 10, Some(100)).as_deref(), Some("about 15 min left"));
        assert_eq!(time_left(10.0, 0, Some(100)), None);
        assert_eq!(time_left(10.0, 4, Some(100)), None);
        assert_eq!(time_left(10.0, 25, None), None);
    }

    #[test]
    fn should_count_a_window_only_as_far_as_it_is_answered() {
        let mut progress = Progress::new(Some(1_000));
        progress.window(4, 400);
        progress.answered();
        assert_eq!(progress.position(), 100);
        for _ in 0..3 {
            progress.answered();
        }
        progress.window(2, 1_000);
        assert_eq!(progress.position(), 400);
        progress.answered();
        assert_eq!(progress.position(), 700);
    }
}
