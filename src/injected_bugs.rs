//! A bug put in on purpose in the binary itself, for the checker to find. Compiled only with the feature `injected-bugs`; the
//! binary that people run has none of this.

use crate::exit::Failed;

/// The variable that names a bug: one of `topology::bugs::Bug` or `connectors::bugs::Bug`.
const VARIABLE: &str = "SYNCROBOARD_INJECTED_BUG";

/// Switches on the bug that the variable names. A name that is no bug's ends the process: a test would find nothing for ever.
pub(crate) fn switch_on() -> Result<(), Failed> {
    let Ok(name) = std::env::var(VARIABLE) else { return Ok(()) };
    let engine = topology::bugs::Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == name);
    let kafka = connectors::bugs::Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == name);
    if engine.is_none() && kafka.is_none() {
        return Err(Failed::usage(format!("{VARIABLE}: there is no bug {name}")));
    }
    topology::bugs::set(engine);
    connectors::bugs::set(kafka);
    tracing::warn!("the bug {name} is switched on");
    Ok(())
}
