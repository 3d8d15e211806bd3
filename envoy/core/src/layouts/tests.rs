//! Messages that are like earlier ones: which, how many at a time, and how many are learnt from.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::testing::{fix, read};

/// Layouts of orders, whose decisions rest on Account (1) alone.
struct Orders(Layouts<usize>);

impl Orders {
    fn new() -> Self {
        Self(Layouts::new(7))
    }

    /// Such an order passed by this decision, and was read whole.
    fn learn(&mut self, body: &str) {
        self.learn_on(Ground::Kept, body);
    }

    fn learn_on(&mut self, ground: Ground, body: &str) {
        let (bytes, mut fields, profile) = (order(body), Vec::new(), Profile::new(&[], &[]));
        let message = read(&bytes, &profile, 64, &mut fields).unwrap();
        self.0.learn(&message, &profile, ground, |tag| tag == 1);
    }

    /// And left a precedent.
    fn follow(&mut self, body: &str, held: usize) {
        self.learn(body);
        self.0.follow(&order(body), held);
    }

    /// The decisions that these orders, one behind the other, pass by.
    fn held(&mut self, bodies: &[&str]) -> Vec<usize> {
        let bytes: Vec<u8> = bodies.iter().flat_map(|body| order(body)).collect();
        let (mut held, mut at) = (Vec::new(), 0);
        while self.0.sight_alike(&bytes[at..], |alike| {
            held.push(alike.held);
            at += alike.message.len();
            true
        }) > 0
        {}
        held
    }
}

fn order(body: &str) -> Vec<u8> {
    fix("FIX.4.4", &format!("35=D|34=7|49=A|56=V|52=20261120-10:00:00|{body}"))
}

#[test]
fn each_of_several_passes_by_its_own() {
    let mut orders = Orders::new();
    orders.follow("1=a|11=x|", 1);
    orders.follow("1=b|11=x|", 2);
    assert_eq!(orders.held(&["1=a|11=y|", "1=b|11=z|", "1=a|11=x|", "1=c|11=x|", "1=a|11=x|"]), [1, 2, 1]);
    orders.follow("1=a|11=x|", 3);
    assert_eq!(orders.held(&["1=a|11=y|"]), [3]);
}

#[test]
fn layouts_that_begin_alike_are_told_apart() {
    let mut orders = Orders::new();
    for (n, body) in ["1=a|11=x|", "11=x|1=a|", "1=a|58=x|", "1=xa|6=x|"].iter().enumerate() {
        orders.follow(body, n);
    }
    assert_eq!(orders.held(&["1=xa|6=y|", "1=a|58=y|", "11=y|1=a|", "1=a|11=y|", "1=x|1=aa|"]), [3, 2, 1, 0]);
}

#[test]
fn as_many_are_looked_at_as_passed_of_late() {
    let mut orders = Orders::new();
    orders.follow("1=a|11=x|", 0);
    let alike: Vec<&str> = std::iter::repeat_n("1=a|11=y|", 40).collect();
    assert_eq!(orders.held(&alike).len(), 40);
    assert_eq!(orders.0.at_once, AT_ONCE);
    // One that nobody is asked about is none that passed by a decision, but no failure either.
    orders.learn_on(Ground::Free, "1=a|58=xyz|");
    assert_eq!(orders.held(&["1=a|11=y|", "1=a|58=uvw|", "1=a|11=y|"]), [0]);
    assert_eq!(orders.0.at_once, AT_ONCE);
    assert_eq!(orders.held(&["1=a|11=y|", "1=b|11=y|"]), [0]);
    assert_eq!(orders.0.at_once, 1);
}

#[test]
fn one_in_sixteen_is_learnt_once_the_first_are() {
    let mut orders = Orders::new();
    orders.learn("1=00000|11=x|");
    let mut followed = |range: std::ops::Range<usize>| {
        range
            .filter(|n| {
                orders.0.follow(&order(&format!("1={n:05}|11=x|")), *n);
                orders.held(&[&format!("1={n:05}|11=x|")]) == [*n]
            })
            .count()
    };
    assert_eq!(followed(1..1_024), 1_023);
    assert_eq!(followed(1_024..1_024 + 1_700), 100);
}
