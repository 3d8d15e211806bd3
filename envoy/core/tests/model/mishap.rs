//! What goes wrong with messages: fields that an application should not have sent, and bytes that changed on their way.

use fix_authz_core::command::Direction;
use fix_authz_core::testing::{raw, show};

/// Bodies with a bad field. `11=bad` marks what must arrive nowhere.
const BODIES: [&str; 16] = [
    "11=bad|58=|",
    "11=bad|0167=CS|",
    "11=bad|35=F|",
    "11=bad|95=9|96=a|",
    "11=bad|95=1|96=abc|",
    "11=bad|95=x|96=abc|",
    "11=bad|96=a|",
    "11=bad|43=x|",
    "11=bad|10=000|",
    "11=bad|0=x|",
    "11=bad|-5=x|",
    "11=bad|abc=x|",
    "11=bad|49=OTHER|",
    "11=bad|34=1|",
    "11=bad|58=a\0b|",
    "11=bad|123=Y|123=N|",
];
const CLIENT_TYPES: [&str; 3] = ["D", "B", "0"];
const VENUE_TYPES: [&str; 3] = ["8", "9", "0"];

/// A message with a bad field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bad {
    msg_type: &'static str,
    body: &'static str,
}

impl Bad {
    pub fn new(from: Direction, msg_type: usize, body: usize) -> Self {
        let types = if from == Direction::Inbound { CLIENT_TYPES } else { VENUE_TYPES };
        Self { msg_type: types[msg_type % types.len()], body: BODIES[body % BODIES.len()] }
    }

    pub fn msg_type(self) -> &'static str {
        self.msg_type
    }

    /// What stands behind the header.
    pub fn body(self) -> &'static str {
        self.body
    }

    pub fn is_administrative(self) -> bool {
        self.msg_type == "0"
    }
}

/// What becomes of a message on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Garbled {
    WrongSum,
    TooShort,
    /// The BodyLength claims a part of the next message.
    TooLong,
    WithoutLength,
    /// MsgType (35) does not come third.
    OtherOrder,
    /// The rest of the message is missing, so that its BodyLength claims a part of the next message.
    Cut,
    Junk,
}

impl Garbled {
    pub const ALL: [Self; 7] = [
        Self::WrongSum,
        Self::TooShort,
        Self::TooLong,
        Self::WithoutLength,
        Self::OtherOrder,
        Self::Cut,
        Self::Junk,
    ];

    /// The bytes that arrive in place of a message.
    pub fn of(self, message: &[u8]) -> Vec<u8> {
        let text = show(message);
        let (head, rest) = text.split_once("|9=").unwrap();
        let (length, rest) = rest.split_once('|').unwrap();
        let length: usize = length.parse().unwrap();
        let with_length = |length: usize| raw(&format!("{head}|9={length}|{rest}"));
        match self {
            Self::WrongSum => {
                let mut bytes = message.to_vec();
                let at = bytes.len() - 2;
                bytes[at] = if bytes[at] == b'9' { b'0' } else { bytes[at] + 1 };
                bytes
            }
            Self::TooShort => with_length(length - 10),
            Self::TooLong => with_length(length + 20),
            Self::WithoutLength => raw(&format!("{head}|{rest}")),
            Self::OtherOrder => raw(&text.replacen("|35=", "|9999=", 1)),
            Self::Cut => message[..message.len() / 2].to_vec(),
            Self::Junk => b"junk\x01".to_vec(),
        }
    }

    /// The next message is lost with it.
    pub fn takes_the_next(self) -> bool {
        matches!(self, Self::TooLong | Self::Cut)
    }
}
