//! The ids of a connection's Logon, and whether a later message has the same.
//!
//! The messages of both sides are compared with the client's Logon: an outbound message names the client as its target and
//! the venue as its sender. A venue may have further ids, besides the CompIDs: those of its own Logon, once that has passed.
//! An id that a message leaves out names nobody, and so it never differs from the Logon's.
//!
//! A message that the gateway writes itself has the optional ids of its side's Logon ([`Identity::own_ids`]), and no others.

use super::request::identifiers;
use crate::command::Direction;
use crate::message::Message;
use crate::tags::{OPTIONAL_IDS, mirrored};
use crate::version::Version;

/// The tag and the value of an id in the header.
pub type HeaderId = (u32, Vec<u8>);

/// The ids of a connection's Logon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// BeginString (8).
    pub version: Version,
    /// SenderCompID (49).
    pub sender: Vec<u8>,
    /// TargetCompID (56).
    pub target: Vec<u8>,
    /// The values of [`OPTIONAL_IDS`] that the Logon has.
    optional: Vec<HeaderId>,
    /// The values of [`OPTIONAL_IDS`] that the venue's Logon has; `None` until that has passed.
    venue: Option<Vec<HeaderId>>,
    /// The headers of all ids that the Logon has.
    headers: Vec<(&'static str, String)>,
}

impl Identity {
    /// Reads the ids of the Logon.
    pub fn of(logon: &Message<'_>) -> Self {
        Self {
            version: logon.version,
            sender: logon.sender.to_vec(),
            target: logon.target.to_vec(),
            optional: optional(logon),
            venue: None,
            headers: identifiers(logon).collect(),
        }
    }

    /// The headers of the Logon's ids.
    pub(super) fn headers(&self) -> impl Iterator<Item = &(&'static str, String)> {
        self.headers.iter()
    }

    /// Whether the venue's Logon has not passed yet.
    #[inline]
    pub fn awaits_venue(&self) -> bool {
        self.venue.is_none()
    }

    /// Notes the ids of the venue's Logon, which has passed.
    pub fn note_venue(&mut self, logon: &Message<'_>) {
        self.venue = Some(optional(logon));
    }

    /// Returns the values of [`OPTIONAL_IDS`] that a message of the gateway's own has in this direction: towards the venue those of the
    /// client's Logon; towards the client those of the venue's Logon, and none until that has passed.
    pub fn own_ids(&self, direction: Direction) -> &[HeaderId] {
        match direction {
            Direction::Inbound => &self.optional,
            Direction::Outbound => self.venue.as_deref().unwrap_or_default(),
        }
    }

    /// Whether the version and the CompIDs of `message` are the Logon's.
    #[inline]
    pub fn is_of(&self, direction: Direction, message: &Message<'_>) -> bool {
        let (sender, target) = match direction {
            Direction::Inbound => (&self.sender, &self.target),
            Direction::Outbound => (&self.target, &self.sender),
        };
        self.version == message.version && sender == message.sender && target == message.target
    }

    /// Whether `message` has a sub, location, OnBehalfOf or DeliverTo id that is not the Logon's.
    #[inline]
    pub fn is_other(&self, direction: Direction, message: &Message<'_>) -> bool {
        message.has_optional_ids && self.has_other_id(direction, message)
    }

    fn has_other_id(&self, direction: Direction, message: &Message<'_>) -> bool {
        let mut ids = message.fields.iter().filter(|field| OPTIONAL_IDS.contains(&field.tag));
        ids.any(|field| {
            let value = message.value(field);
            let is_in = |ids: &[HeaderId], tag| ids.iter().any(|(id, known)| *id == tag && known == value);
            match direction {
                Direction::Inbound => !is_in(&self.optional, field.tag),
                Direction::Outbound => {
                    let venue = self.venue.as_deref().unwrap_or_default();
                    !is_in(&self.optional, mirrored(field.tag)) && !is_in(venue, field.tag)
                }
            }
        })
    }
}

fn optional(logon: &Message<'_>) -> Vec<HeaderId> {
    let value = |tag: &u32| logon.get(*tag).map(|value| (*tag, value.to_vec()));
    OPTIONAL_IDS.iter().filter_map(value).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::profile::Profile;
    use crate::testing::{fix, read};

    const LOGON: &str = "35=A|34=1|49=ALGO|56=VENUE|50=desk|57=X|142=here|115=FUND|116=pm|144=nyc|";

    fn on<T>(version: &str, body: &str, then: impl FnOnce(&Message<'_>) -> T) -> T {
        let (bytes, mut fields) = (fix(version, body), Vec::new());
        then(&read(&bytes, &Profile::new(&[], &[]), 64, &mut fields).unwrap())
    }

    fn identity() -> Identity {
        on("FIX.4.4", LOGON, Identity::of)
    }

    #[test]
    fn the_version_and_the_comp_ids_are_the_logons() {
        let is_of = |direction, version, ids| {
            on(version, &format!("35=D|34=2|{ids}"), |message| identity().is_of(direction, message))
        };
        assert!(is_of(Direction::Inbound, "FIX.4.4", "49=ALGO|56=VENUE|"));
        assert!(is_of(Direction::Outbound, "FIX.4.4", "49=VENUE|56=ALGO|"));
        for ids in ["49=ALGO|56=OTHER|", "49=OTHER|56=VENUE|", "49=VENUE|56=ALGO|", "49=algo|56=VENUE|"] {
            assert!(!is_of(Direction::Inbound, "FIX.4.4", ids), "{ids}");
        }
        for ids in ["49=ALGO|56=VENUE|", "49=VENUE|56=OTHER|", "49=OTHER|56=ALGO|"] {
            assert!(!is_of(Direction::Outbound, "FIX.4.4", ids), "{ids}");
        }
        assert!(!is_of(Direction::Inbound, "FIX.4.2", "49=ALGO|56=VENUE|"));
    }

    #[test]
    fn an_optional_id_is_the_logons_or_absent() {
        let is_other = |direction, ids: &str| {
            let body = format!("35=B|34=2|49=x|56=y|{ids}148=h|");
            on("FIX.4.4", &body, |message| identity().is_other(direction, message))
        };
        for ids in ["", "50=desk|", "57=X|142=here|", "115=FUND|116=pm|144=nyc|"] {
            assert!(!is_other(Direction::Inbound, ids), "{ids}");
        }
        for ids in ["57=desk|", "50=X|", "142=here|143=here|", "128=FUND|129=pm|145=nyc|"] {
            assert_eq!(is_other(Direction::Outbound, ids), ids.contains("142"), "{ids}");
        }
        for tag in OPTIONAL_IDS {
            for direction in [Direction::Inbound, Direction::Outbound] {
                assert!(is_other(direction, &format!("{tag}=other|")), "{tag}");
            }
        }
        // The Logon has no such id.
        assert!(is_other(Direction::Inbound, "143=there|"));
    }

    #[test]
    fn what_the_venues_logon_has_is_the_venues() {
        let mut identity = identity();
        let is_other = |identity: &Identity, direction, ids: &str| {
            on("FIX.4.4", &format!("35=8|34=2|49=VENUE|56=ALGO|{ids}"), |message| {
                identity.is_other(direction, message)
            })
        };
        assert!(identity.awaits_venue() && is_other(&identity, Direction::Outbound, "50=engine-1|"));
        assert_eq!(identity.own_ids(Direction::Outbound), []);
        on("FIX.4.4", "35=A|34=1|49=VENUE|56=ALGO|50=engine-1|", |logon| identity.note_venue(logon));
        assert!(
            !identity.awaits_venue() && !is_other(&identity, Direction::Outbound, "50=engine-1|57=desk|")
        );
        for (direction, ids) in [
            (Direction::Outbound, "50=engine-2|"),
            (Direction::Outbound, "57=engine-1|"),
            (Direction::Inbound, "50=engine-1|"),
            (Direction::Inbound, "57=engine-1|"),
        ] {
            assert!(is_other(&identity, direction, ids), "{ids}");
        }
    }

    #[test]
    fn the_gateways_own_messages_have_the_ids_of_their_sides_logon() {
        let mut identity = identity();
        on("FIX.4.4", "35=A|34=1|49=VENUE|56=ALGO|50=X|145=nyc|", |logon| identity.note_venue(logon));
        let own = |direction| {
            let ids = identity.own_ids(direction).iter();
            ids.map(|(tag, value)| format!("{tag}={}|", String::from_utf8_lossy(value))).collect::<String>()
        };
        assert_eq!(own(Direction::Inbound), "50=desk|142=here|57=X|115=FUND|116=pm|144=nyc|");
        assert_eq!(own(Direction::Outbound), "50=X|145=nyc|");
    }

    #[test]
    fn sides_are_mirrored_to_and_fro() {
        for tag in OPTIONAL_IDS {
            assert!(mirrored(tag) != tag && mirrored(mirrored(tag)) == tag, "{tag}");
        }
    }
}
