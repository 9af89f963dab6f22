//! What comes next: first each kind once, in random order, then kinds by their weights.

use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom, SliceRandom};

use crate::kinds::Kind;

/// The kinds that one sort of site has had, over all its rounds.
#[derive(Default)]
pub(crate) struct Deck {
    had: Vec<Kind>,
}

impl Deck {
    /// Those of these kinds that have not come yet, in random order; taken from the end.
    pub(crate) fn shuffled(&self, kinds: &[(Kind, u32)], random: &mut SmallRng) -> Vec<Kind> {
        let mut fresh: Vec<Kind> =
            kinds.iter().map(|(kind, _)| *kind).filter(|kind| !self.had.contains(kind)).collect();
        fresh.shuffle(random);
        fresh
    }

    /// The next one.
    pub(crate) fn next(&mut self, fresh: &mut Vec<Kind>, kinds: &[(Kind, u32)], random: &mut SmallRng) -> Kind {
        if let Some(kind) = fresh.pop() {
            self.had.push(kind);
            return kind;
        }
        let (kind, _) = kinds.choose_weighted(random, |(_, weight)| *weight).unwrap();
        *kind
    }
}

#[test]
fn should_give_each_kind_once_before_any_comes_again() {
    use rand::SeedableRng;

    let kinds = Kind::proxied(true);
    let (mut deck, mut random) = (Deck::default(), SmallRng::seed_from_u64(7));
    // Over two rounds.
    let mut given = Vec::new();
    for count in [kinds.len() / 2, kinds.len() - kinds.len() / 2] {
        let mut fresh = deck.shuffled(&kinds, &mut random);
        given.extend((0..count).map(|_| deck.next(&mut fresh, &kinds, &mut random)));
    }
    assert!(kinds.iter().all(|(kind, _)| given.iter().filter(|given| *given == kind).count() == 1));
    assert!(deck.shuffled(&kinds, &mut random).is_empty());
}
