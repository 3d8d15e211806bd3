//! What the client sends: one order over and over, or the mixed day of a desk.
//!
//! The mixed day is for the institutional mapping, whose decisions rest on up to sixty fields of a message: some
//! 600 different decisions, each of them met again after [`DAY`] messages.

use crate::fix::{self, CLIENT, VENUE, invalid};
use std::io;

const SYMBOLS: usize = 48;
/// After so many messages the mixed day begins anew.
pub const DAY: usize = SYMBOLS * KINDS.len();
/// Has no divisor in common with the day, so that neighbours are unlike and none is left out.
const STRIDE: usize = 275;
/// The name of the mixed day on the command line.
const MIXED: &str = "mixed";

/// MsgType (35) and body, without the symbol and with `#` for the number; the account stands in front.
const KINDS: [(&str, &str); 17] = [
    ("D", "11=ORDER-#|38=100|40=2|44=101.25|54=1|59=0|60=@|167=CS|"),
    ("D", "11=ORDER-#|38=500|40=2|44=101.5|54=1|59=0|60=@|167=CS|"),
    ("D", "11=ORDER-#|38=1200|40=1|54=2|59=0|60=@|167=CS|"),
    ("D", "11=ORDER-#|38=300|40=2|44=99.75|54=2|59=3|60=@|167=CS|453=1|448=DESK-9|447=D|452=11|"),
    ("D", "11=ORDER-#|38=100|40=2|44=99.5|54=2|59=1|60=@|167=CS|"),
    ("D", "11=ORDER-#|21=1|38=800|40=P|18=M|54=1|60=@|167=CS|"),
    ("D", "11=ORDER-#|38=5|40=2|44=4102.5|54=1|59=0|60=@|167=FUT|200=202703|"),
    ("D", "11=ORDER-#|38=9|40=1|54=2|60=@|167=FUT|200=202703|"),
    ("G", "11=ORDER-#|41=ORDER-1|38=100|40=2|44=101.5|54=1|59=0|60=@|167=CS|"),
    ("G", "11=ORDER-#|41=ORDER-2|38=400|40=2|44=101.75|54=1|59=0|60=@|167=CS|"),
    ("G", "11=ORDER-#|41=ORDER-3|38=300|40=2|44=99.5|54=2|59=3|60=@|167=CS|"),
    ("G", "11=ORDER-#|41=ORDER-4|38=7|40=2|44=4103|54=1|60=@|167=FUT|"),
    ("F", "11=ORDER-#|41=ORDER-1|38=100|54=1|60=@|167=CS|"),
    ("F", "11=ORDER-#|41=ORDER-4|38=7|54=1|60=@|167=FUT|"),
    ("F", "11=ORDER-#|41=ORDER-3|38=300|54=2|60=@|167=CS|453=1|448=DESK-9|447=D|452=11|"),
    ("H", "11=ORDER-#|37=V-1|54=1|"),
    ("AB", "11=ORDER-#|38=20|40=2|44=1.35|54=1|60=@|555=2|600=LEG-A|609=OPT|624=1|600=LEG-B|609=OPT|624=2|"),
];

/// The messages of a run.
pub enum Traffic {
    /// The order of [`fix::write_order`] under this MsgType.
    Order(String),
    /// The mixed day.
    Mixed,
}

impl Traffic {
    /// As the command line names it: `mixed`, or a MsgType of one letter.
    pub fn named(name: &str) -> io::Result<Self> {
        match name {
            MIXED => Ok(Self::Mixed),
            _ if name.len() == 1 => Ok(Self::Order(name.to_owned())),
            _ => Err(invalid(&format!("`{name}` is neither `{MIXED}` nor a MsgType of one letter"))),
        }
    }

    /// Appends the message that is the `index`th of the run.
    pub fn write(&self, out: &mut Vec<u8>, index: u32, seq: u32) {
        match self {
            Self::Order(msg_type) => fix::write_order(out, msg_type, seq, CLIENT),
            Self::Mixed => write_mixed(out, index as usize, seq),
        }
    }
}

fn write_mixed(out: &mut Vec<u8>, index: usize, seq: u32) {
    let place = index * STRIDE % DAY;
    let (kind, symbol) = (place % KINDS.len(), place / KINDS.len());
    let Some((msg_type, body)) = KINDS.get(kind) else { return };
    let body = body.replacen('#', &seq.to_string(), 1).replacen('@', fix::TIME, 1);
    let account = if symbol % 2 == 0 { "FUND-7" } else { "GLOBAL-MACRO-42" };
    fix::write(out, msg_type, seq, CLIENT, VENUE, &format!("1={account}|55=SYM{symbol:02}.N|{body}"));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::fix::{FIRST_SEQ, Message};
    use std::collections::HashSet;

    #[test]
    fn a_mixed_day_has_every_kind_with_every_symbol_and_then_begins_anew() {
        let day = u32::try_from(DAY).unwrap();
        let mut seen = HashSet::new();
        for index in 0..=day {
            let mut bytes = Vec::new();
            Traffic::Mixed.write(&mut bytes, index, FIRST_SEQ);
            let message = Message::first(&bytes).unwrap().unwrap();
            assert_eq!(message.bytes.len(), bytes.len());
            assert_eq!(message.get("11="), Some("ORDER-10000000"));
            assert!(!message.bytes.contains(&b'#') && !message.bytes.contains(&b'@'));
            assert_eq!(seen.insert(bytes), index < day, "{index}");
        }
    }

    #[test]
    fn traffic_has_a_name_or_a_msg_type_of_one_letter() {
        assert!(matches!(Traffic::named("mixed").unwrap(), Traffic::Mixed));
        assert!(matches!(Traffic::named("D").unwrap(), Traffic::Order(msg_type) if msg_type == "D"));
        assert!(Traffic::named("AB").is_err());
    }
}
