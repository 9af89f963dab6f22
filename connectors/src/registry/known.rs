//! What is known of ids: a table that only grows and is read without a lock.

use std::sync::OnceLock;

use schemas::{Lookup, WriterSchema};

/// Places in a table; when the places for an id are taken, another table follows.
const PLACES: usize = 1_024;
/// How many places are tried for an id.
const TRIES: usize = 8;

/// A schema, or why no record can be read with it.
pub(super) type Entry = Result<WriterSchema, String>;

/// Schemas by id, for ever.
pub(super) struct Known {
    places: Box<[OnceLock<(u32, Entry)>]>,
    more: OnceLock<Box<Known>>,
}

impl Default for Known {
    fn default() -> Self {
        Self { places: (0..PLACES).map(|_| OnceLock::new()).collect(), more: OnceLock::new() }
    }
}

impl Known {
    pub(super) fn get(&self, id: u32) -> Option<Lookup<'_>> {
        let mut table = Some(self);
        while let Some(Self { places, more }) = table {
            for place in places_of(id) {
                match places[place].get() {
                    Some((known, Ok(writer))) if *known == id => return Some(Lookup::Known(writer)),
                    Some((known, Err(why))) if *known == id => return Some(Lookup::Unusable(why)),
                    Some(_) => {}
                    None => return None,
                }
            }
            table = more.get().map(|more| &**more);
        }
        None
    }

    /// Adds what an id means. What is known already stays.
    pub(super) fn add(&self, id: u32, entry: Entry) {
        let mut entry = (id, entry);
        let mut table = self;
        loop {
            for place in places_of(id) {
                let place = &table.places[place];
                match place.set(entry) {
                    Ok(()) => return,
                    Err(back) => entry = back,
                }
                if place.get().is_some_and(|(known, _)| *known == id) {
                    return;
                }
            }
            table = table.more.get_or_init(Box::default);
        }
    }
}

/// Registries count ids upwards, so neighbours lie side by side.
fn places_of(id: u32) -> impl Iterator<Item = usize> {
    (0..TRIES).map(move |n| (id as usize + n) % PLACES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_know_every_id_that_was_added_and_no_other() {
        let known = Known::default();
        let ids: Vec<u32> = (0..3_000).chain((0..40).map(|n| n * 1_024 + 7)).chain([u32::MAX, 1 << 30]).collect();
        for id in &ids {
            known.add(*id, Err(id.to_string()));
        }
        for id in &ids {
            assert!(matches!(known.get(*id), Some(Lookup::Unusable(why)) if *why == id.to_string()), "{id}");
        }
        for id in [3_001, 50_000, u32::MAX - 1] {
            assert!(known.get(id).is_none(), "{id}");
        }
    }

    #[test]
    fn should_keep_the_first_meaning_of_an_id() {
        let known = Known::default();
        known.add(5, Err("first".to_owned()));
        known.add(5, Err("second".to_owned()));
        assert!(matches!(known.get(5), Some(Lookup::Unusable("first"))));
    }
}
