//! In which order the ways come, turn by turn: Williams's design, a Latin square that is balanced for what came before.
//!
//! What a way leaves behind (caches, the clock's frequency) must meet all others alike. A mere rotation would always have
//! the same one before: here each of the ways comes in every place equally often, and right behind each of the others too.

/// The ways of that turn, the first one first. After twice as many turns as there are ways, all has been had equally.
pub fn order(ways: usize, turn: usize) -> Vec<usize> {
    // With an odd number of ways one square is balanced only together with its mirror image.
    let mirrored = turn / ways.max(1) % 2 == 1;
    let place = |index: usize| if mirrored { ways - 1 - index } else { index };
    (0..ways).map(|index| (zigzag(ways, place(index)) + turn) % ways).collect()
}

/// 0, n-1, 1, n-2, 2…: each step is of another length.
fn zigzag(ways: usize, index: usize) -> usize {
    if index.is_multiple_of(2) { index / 2 } else { ways - 1 - index / 2 }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn every_way_comes_once_a_turn_in_every_place_equally_often_and_behind_every_other() {
        for ways in 1..=9 {
            let (mut places, mut pairs) = (HashMap::new(), HashMap::new());
            for turn in 0..2 * ways {
                let order = order(ways, turn);
                assert_eq!(order.len(), ways);
                for (place, way) in order.iter().enumerate() {
                    *places.entry((place, *way)).or_insert(0) += 1;
                }
                for pair in order.windows(2) {
                    *pairs.entry((pair[0], pair[1])).or_insert(0) += 1;
                }
            }
            assert_eq!(places.len(), ways * ways);
            assert_eq!(pairs.len(), ways * (ways - 1), "{ways} ways");
            assert!(places.values().chain(pairs.values()).all(|times| *times == 2), "{ways} ways");
        }
    }
}
