//! The sample is what it promises: legal from the first command to the last, large and varied enough.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::*;

fn commands() -> Vec<Value> {
    ndjson()
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn count(commands: &[Value], kind: &str) -> usize {
    commands.iter().filter(|command| command["type"] == kind).count()
}

#[test]
fn should_be_the_same_in_every_run() {
    assert_eq!(ndjson(), ndjson());
}

#[test]
fn should_be_as_large_as_promised() {
    let commands = commands();
    assert!(count(&commands, "CreateProject") >= 5);
    assert!(count(&commands, "RegisterUser") >= 20);
    assert!(count(&commands, "CreateTicket") + count(&commands, "ImportTicket") >= 5_000);
    assert!(count(&commands, "MoveTicket") >= 5_000);
    assert!(count(&commands, "CommentTicket") >= 3_000);
    let titles: HashSet<&str> = commands.iter().filter_map(|command| command["title"].as_str()).collect();
    assert!(titles.len() > 3_000, "{} different titles", titles.len());
}

#[test]
fn should_hold_every_awkward_text() {
    let commands = commands();
    let titles: HashSet<&str> = commands.iter().filter_map(|command| command["title"].as_str()).collect();
    for (title, _) in awkward::AWKWARD {
        assert!(titles.contains(title), "{title}");
    }
    let longest = titles.iter().map(|title| title.chars().count()).max().unwrap();
    assert!((190..=200).contains(&longest), "{longest}");
}

#[test]
fn should_leave_every_column_of_every_board_filled() {
    let model = Model::of(&commands());
    for project in projects::PROJECTS.iter().filter(|project| !project.imported) {
        for status in ["OPEN", "IN_PROGRESS", "REVIEW", "DONE"] {
            let there = model.tickets.iter().filter(|((key, _), is)| key == project.key && **is == status).count();
            assert!(there * 20 >= project.tickets, "{} has {there} {status}", project.key);
        }
    }
}

#[test]
fn should_be_legal_from_the_first_command_to_the_last() {
    let model = Model::of(&commands());
    assert_eq!(model.faults, Vec::<String>::new());
}

/// The rules, as far as the sample touches them; written from the domain's tables, not from the processor.
#[derive(Default)]
struct Model {
    users: HashSet<String>,
    roles: HashMap<(String, String), String>,
    tickets: HashMap<(String, usize), &'static str>,
    numbers: HashMap<String, usize>,
    external: HashSet<String>,
    faults: Vec<String>,
}

impl Model {
    fn of(commands: &[Value]) -> Self {
        let mut model = Self::default();
        for command in commands {
            if let Err(fault) = model.apply(command) {
                model.faults.push(format!("{fault}: {command}"));
            }
        }
        model
    }

    fn apply(&mut self, command: &Value) -> Result<(), String> {
        let text = |name: &str| command[name].as_str().map(str::to_owned);
        let need = |name: &str| text(name).ok_or(format!("{name} is missing"));
        let kind = need("type")?;
        if kind == "RegisterUser" {
            let email = need("email")?;
            check(email == email.to_lowercase() && self.users.insert(email), "e-mail")?;
            return check((1..=200).contains(&need("name")?.chars().count()), "name");
        }
        let actor = need("actor")?;
        check(self.users.contains(&actor), "actor is nobody")?;
        if kind == "CreateProject" {
            let key = need("key")?;
            check((2..=10).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_uppercase()), "key")?;
            check(self.numbers.insert(key.clone(), 0).is_none(), "key is taken")?;
            self.roles.insert((key, actor), "owner".into());
            return Ok(());
        }
        let code = text("ticket")
            .and_then(|code| code.split_once('-').map(|(key, number)| (key.to_owned(), number.to_owned())));
        let key = text("project").or(code.as_ref().map(|(key, _)| key.clone())).ok_or("no project")?;
        let role = self.roles.get(&(key.clone(), actor)).ok_or("actor is no member")?.clone();
        check(role != "viewer", "a viewer acts")?;
        for person in ["assignee", "reporter"].into_iter().filter_map(text) {
            check(self.roles.get(&(key.clone(), person)).is_some_and(|role| role != "viewer"), "assignee or reporter")?;
        }
        let ticket = code.map(|(key, number)| (key, number.parse::<usize>().unwrap()));
        match kind.as_str() {
            "AddMember" => {
                let user = need("user")?;
                check(role == "owner" && self.users.contains(&user), "member")?;
                check(self.roles.insert((key, user), need("role")?).is_none(), "is a member already")
            }
            "CreateTicket" | "ImportTicket" => {
                check((1..=200).contains(&need("title")?.trim().chars().count()), "title")?;
                check(need("description")?.len() <= 65_536, "description")?;
                check(["LOW", "MEDIUM", "HIGH", "URGENT"].contains(&need("priority")?.as_str()), "priority")?;
                check(command["labels"].as_array().is_some_and(|labels| labels.len() <= 20), "labels")?;
                let mut status = "OPEN";
                if kind == "ImportTicket" {
                    check(role == "owner" && self.external.insert(need("externalId")?), "external reference")?;
                    let wanted = need("status")?;
                    status =
                        *["OPEN", "IN_PROGRESS", "REVIEW", "DONE"].iter().find(|is| **is == wanted).ok_or("status")?;
                    check(need("createdAt")? < need("updatedAt")?, "dates")?;
                }
                let number = self.numbers.get_mut(&key).ok_or("project")?;
                *number += 1;
                self.tickets.insert((key, *number), status);
                Ok(())
            }
            "MoveTicket" => {
                let is = self.tickets.get_mut(&ticket.ok_or("ticket")?).ok_or("no such ticket")?;
                let allowed: &[&'static str] = match *is {
                    "OPEN" => &["IN_PROGRESS"],
                    "IN_PROGRESS" => &["REVIEW", "OPEN"],
                    "REVIEW" => &["DONE", "IN_PROGRESS"],
                    _ => &["OPEN"],
                };
                let wanted = need("status")?;
                *is = *allowed.iter().find(|to| **to == wanted).ok_or("illegal move")?;
                Ok(())
            }
            "CommentTicket" => {
                check((1..=32_768).contains(&need("content")?.len()), "content")?;
                check(self.tickets.contains_key(&ticket.ok_or("ticket")?), "no such ticket")
            }
            "AssignTicket" | "EditTicket" => {
                check(self.tickets.contains_key(&ticket.ok_or("ticket")?), "no such ticket")
            }
            other => Err(format!("unknown type {other}")),
        }
    }
}

fn check(holds: bool, fault: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(fault.to_owned()) }
}
