//! Opening a task's stores and making the task on them.

use std::path::PathBuf;

use state::TaskState;

use crate::changelog;
use crate::config::StreamsConfig;
use crate::errors::StreamsError;
use crate::metrics::Instruments;
use crate::record::TaskId;
use crate::task::{Task, TaskPlan};
use crate::topology::Topology;

/// Where a task's stores are.
pub(crate) fn task_dir(config: &StreamsConfig, id: &TaskId) -> PathBuf {
    config.state_dir.join(&config.application_id).join(id.to_string())
}

/// Opens the stores in the task's directory; what cannot be read is set aside and will be restored.
pub(crate) fn open_task(
    topology: &Topology,
    config: &StreamsConfig,
    plan: &TaskPlan,
    partition: u32,
    metrics: &Instruments,
) -> Result<Task, StreamsError> {
    let sub = &topology.inner.sub_topologies[plan.sub_topology];
    let specs = changelog::specs(sub, &topology.inner.stores, &plan.by_store);
    let id = TaskId { sub_topology: sub.name.clone(), partition };
    let state = if specs.is_empty() {
        TaskState::in_memory(&specs)
    } else {
        let opened = TaskState::open(&task_dir(config, &id), &specs, &config.memory);
        let (state, report) = opened.map_err(|source| StreamsError::State { task: id.clone(), source })?;
        if let Some(aside) = &report.set_aside {
            let why = report.reason.as_deref().unwrap_or("it cannot be read");
            tracing::error!(task = %id, set_aside = %aside.display(), "state set aside and restored from its changelogs: {why}");
        }
        state
    };
    Ok(Task::new(topology, plan, partition, state, config.steps.clone(), metrics)?)
}
