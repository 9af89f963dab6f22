//! How far an import is: a bar on a terminal, a line every few seconds anywhere else.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::report::grouped;

const REDRAW: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Follows the records that have their answer. The time left comes from the bytes of the input, as nobody has counted
/// its records beforehand.
pub(super) struct Progress {
    shown_on: Screen,
    now: Clock,
    total_bytes: Option<u64>,
    started: Instant,
    shown: Instant,
    answered: u64,
    window: Window,
}

/// What tells the time.
type Clock = Box<dyn Fn() -> Instant>;

/// Where it is shown.
enum Screen {
    Bar(ProgressBar),
    /// A line now and then, for a file or a pipe.
    Lines(Box<dyn Write>),
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
        let error = std::io::stderr();
        let screen = if error.is_terminal() { Screen::Bar(bar(total_bytes)) } else { Screen::Lines(Box::new(error)) };
        Self::with(screen, Box::new(Instant::now), total_bytes)
    }

    fn with(shown_on: Screen, now: Clock, total_bytes: Option<u64>) -> Self {
        let started = now();
        Self { shown_on, now, total_bytes, started, shown: started, answered: 0, window: Window::default() }
    }

    /// So many records were read, up to this position in the input.
    pub(super) fn window(&mut self, records: usize, to_bytes: u64) {
        self.window = Window { from_bytes: self.window.to_bytes, to_bytes, records: records as u64, answered: 0 };
        self.tick();
    }

    /// One more record has its answer.
    pub(super) fn answered(&mut self) {
        self.answered += 1;
        self.window.answered += 1;
        self.tick();
    }

    /// Shows how far it is, if that is due: also when nothing moves, somebody may be watching.
    pub(super) fn tick(&mut self) {
        let every = match self.shown_on {
            Screen::Bar(_) => REDRAW,
            Screen::Lines(_) => LINE_EVERY,
        };
        let now = (self.now)();
        if now.duration_since(self.shown) >= every {
            self.shown = now;
            self.show();
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        (self.now)().duration_since(self.started)
    }

    pub(super) fn finish(&self) {
        if let Screen::Bar(bar) = &self.shown_on {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self) {
        let (text, position) = (self.text(), self.position());
        match &mut self.shown_on {
            Screen::Bar(bar) => {
                bar.set_position(position);
                bar.set_message(text);
                bar.tick();
            }
            // Whoever closed the pipe wants no progress.
            Screen::Lines(out) => _ = writeln!(out, "import: {text}"),
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
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    use super::*;

    /// What was written, to be looked at.
    #[derive(Clone, Default)]
    struct Page(Rc<RefCell<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Page {
        fn lines(&self) -> Vec<String> {
            String::from_utf8(self.0.borrow().clone()).unwrap().lines().map(str::to_owned).collect()
        }
    }

    /// Progress on a page, with a clock that is moved by hand.
    fn progress(total_bytes: Option<u64>) -> (Progress, Page, impl Fn(u64)) {
        let (page, start, passed) = (Page::default(), Instant::now(), Rc::new(Cell::new(Duration::ZERO)));
        let clock = Rc::clone(&passed);
        let now = Box::new(move || start + clock.get());
        let lines = Screen::Lines(Box::new(page.clone()));
        let pass = move |seconds: u64| passed.set(passed.get() + Duration::from_secs(seconds));
        (Progress::with(lines, now, total_bytes), page, pass)
    }

    #[test]
    fn should_write_a_line_every_five_seconds_where_there_is_no_terminal() {
        let (mut progress, page, pass) = progress(Some(1_000));
        progress.window(4, 400);
        for _ in 0..2 {
            pass(2);
            progress.answered();
        }
        assert!(page.lines().is_empty(), "too early");
        pass(1);
        progress.answered();
        progress.tick();
        assert_eq!(page.lines(), ["import: 3 records, 0/s, about 12 s left"]);
    }

    #[test]
    fn should_write_on_while_nothing_moves_and_nobody_knows_how_much_there_is() {
        let (mut progress, page, pass) = progress(None);
        progress.window(4_000, 400);
        for _ in 0..3 {
            pass(5);
            progress.tick();
            progress.tick();
        }
        assert_eq!(page.lines(), ["import: 0 records, 0/s"; 3]);
    }

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
