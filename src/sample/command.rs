//! Native commands, as `POST /commands:bulk` takes them.

use serde_json::{Value, json};

use super::people::PEOPLE;
use super::projects::PROJECTS;

/// Registers everybody.
pub(super) fn people() -> impl Iterator<Item = Value> {
    PEOPLE.iter().map(|person| json!({"type": "RegisterUser", "email": person.email, "name": person.name}))
}

/// Makes every project, and its members. The owner is one already.
pub(super) fn projects() -> impl Iterator<Item = Value> {
    let projects = PROJECTS.iter().map(|project| {
        json!({
            "type": "CreateProject", "actor": project.owner(),
            "key": project.key, "name": project.name, "description": project.description,
        })
    });
    let members = PROJECTS.iter().flat_map(|project| {
        project.members.iter().skip(1).zip(1..).map(move |(&(email, role), number)| {
            // Everybody can do some of the project's work: two or three of its labels.
            let skills: Vec<&str> =
                project.labels.iter().copied().cycle().skip(number * 2).take(2 + number % 2).collect();
            json!({
                "type": "AddMember", "actor": project.owner(), "project": project.key,
                "user": email, "role": role, "capacity": 10 + 5 * (number % 4), "skills": skills,
            })
        })
    });
    projects.chain(members)
}
