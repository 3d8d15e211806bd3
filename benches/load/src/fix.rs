//! The little FIX that the load needs: messages written whole, and read as far as their first four fields.
//!
//! Both ends are ours, so 34 always stands fourth; that it arrives so is part of what is verified.

use std::io;

const SOH: u8 = 1;
const BEGIN: &[u8] = b"8=FIX.4.4\x019=";
/// `10=ccc<SOH>`
const TRAILER: usize = 7;
/// Both ends ignore the clock; a fixed time keeps each run's bytes the same.
pub const TIME: &str = "20261120-10:00:00.000";

/// The client's CompID.
pub const CLIENT: &str = "BENCH";
/// The venue's CompID.
pub const VENUE: &str = "VENUE";
/// The length of each message that is measured.
pub const ORDER_LENGTH: usize = 160;
/// The client's first MsgSeqNum (34), its Logon's: eight digits from first to last keep all messages equally long.
pub const FIRST_SEQ: u32 = 10_000_000;

/// What the client wants of the venue: TargetSubID (57) of its Logon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The venue takes messages in silence, and says how many came when it is asked.
    Throughput,
    /// The venue answers each message.
    Latency,
    /// As throughput, through FIX engines in between, which answer a TestRequest themselves.
    Bridged,
}

impl Purpose {
    /// As the Logon and the command line spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Latency => "latency",
            Self::Bridged => "bridged",
        }
    }

    /// MsgType (35) of the question how many messages have come, and of its answer.
    pub fn question(self) -> (&'static str, &'static [u8]) {
        match self {
            Self::Throughput | Self::Latency => ("1", b"0"),
            Self::Bridged => ("UC", b"UD"),
        }
    }

    /// The purpose of that name.
    pub fn named(name: &str) -> io::Result<Self> {
        [Self::Throughput, Self::Latency, Self::Bridged]
            .into_iter()
            .find(|purpose| purpose.name() == name)
            .ok_or_else(|| invalid(&format!("`{name}` is no purpose")))
    }
}

/// A message read as far as the load needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// MsgType (35).
    pub msg_type: &'a [u8],
    /// MsgSeqNum (34).
    pub seq: u32,
    /// The message, whole.
    pub bytes: &'a [u8],
}

impl<'a> Message<'a> {
    /// The first message of `bytes`, or `None` while it is not whole.
    pub fn first(bytes: &'a [u8]) -> io::Result<Option<Self>> {
        let Some(prefix) = bytes.get(..BEGIN.len()) else { return Ok(None) };
        if prefix != BEGIN {
            return Err(invalid("a message begins otherwise than expected"));
        }
        let rest = bytes.get(BEGIN.len()..).unwrap_or_default();
        let Some((length, digits)) = number(rest)? else { return Ok(None) };
        let body = BEGIN.len() + digits + 1;
        let Some(bytes) = bytes.get(..body + length as usize + TRAILER) else { return Ok(None) };
        let (msg_type, rest) = field(bytes.get(body..).unwrap_or_default(), b"35=")?;
        let (seq, _) = field(rest, b"34=")?;
        let seq = seq.iter().fold(0u32, |n, digit| n.wrapping_mul(10).wrapping_add(u32::from(digit & 15)));
        Ok(Some(Self { msg_type, seq, bytes }))
    }

    /// The first value of a tag; `prefix` is the tag with its `=`. Slow: not for each of many messages.
    pub fn get(&self, prefix: &str) -> Option<&'a str> {
        let fields = self.bytes.split(|byte| *byte == SOH);
        let value = fields.filter_map(|field| field.strip_prefix(prefix.as_bytes())).next()?;
        std::str::from_utf8(value).ok()
    }
}

/// The value of the field that stands first, and what stands behind it.
fn field<'a>(bytes: &'a [u8], prefix: &[u8]) -> io::Result<(&'a [u8], &'a [u8])> {
    let value =
        bytes.strip_prefix(prefix).ok_or_else(|| invalid("35 and 34 do not come third and fourth"))?;
    let end = value.iter().position(|byte| *byte == SOH).ok_or_else(|| invalid("a field has no end"))?;
    let (value, rest) = value.split_at(end);
    Ok((value, rest.get(1..).unwrap_or_default()))
}

/// Digits up to SOH: the number and how many there were; `None` without the SOH.
fn number(bytes: &[u8]) -> io::Result<Option<(u32, usize)>> {
    let mut number = 0;
    for (index, byte) in bytes.iter().take(6).enumerate() {
        match byte {
            b'0'..=b'9' => number = number * 10 + u32::from(byte - b'0'),
            &SOH => return Ok(Some((number, index))),
            _ => return Err(invalid("BodyLength is no number")),
        }
    }
    if bytes.len() < 6 { Ok(None) } else { Err(invalid("BodyLength is too long")) }
}

/// Appends a message with the standard header; `body` has the fields behind it, `|` for SOH.
pub fn write(out: &mut Vec<u8>, msg_type: &str, seq: u32, from: &str, to: &str, body: &str) {
    let start = out.len();
    let fields = format!("35={msg_type}|34={seq}|49={from}|56={to}|52={TIME}|{body}").replace('|', "\x01");
    out.extend_from_slice(BEGIN);
    out.extend_from_slice(format!("{}\x01{fields}", fields.len()).as_bytes());
    let sum = out.iter().skip(start).fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    out.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
}

/// Appends a NewOrderSingle of [`ORDER_LENGTH`] bytes (as long as its MsgType has one letter, 34 eight digits and the
/// client's name the length of [`CLIENT`]).
pub fn write_order(out: &mut Vec<u8>, msg_type: &str, seq: u32, client: &str) {
    let body = format!("11=ORDER-{seq}|55=ACME.N|167=CS|54=1|60={TIME}|38=100|40=1|");
    write(out, msg_type, seq, client, VENUE, &body);
}

/// An error of this program's own.
pub fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn order(seq: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_order(&mut bytes, "D", seq, CLIENT);
        bytes
    }

    #[test]
    fn orders_are_equally_long_and_their_length_and_sum_hold() {
        for seq in [FIRST_SEQ, FIRST_SEQ + 1, 99_999_999] {
            let bytes = order(seq);
            assert_eq!(bytes.len(), ORDER_LENGTH);
            let text = String::from_utf8(bytes.clone()).unwrap();
            let body = text.find("35=").unwrap();
            let trailer = text.rfind("10=").unwrap();
            assert!(text.starts_with(&format!("8=FIX.4.4\x019={}\x01", trailer - body)));
            let sum = bytes[..trailer].iter().map(|byte| u32::from(*byte)).sum::<u32>() % 256;
            assert_eq!(&text[trailer..], format!("10={sum:03}\x01"));
        }
    }

    #[test]
    fn reads_what_it_writes_and_nothing_from_a_part() {
        let mut bytes = order(12_345_678);
        for end in 0..bytes.len() {
            assert_eq!(Message::first(&bytes[..end]).unwrap(), None, "{end}");
        }
        bytes.extend(order(12_345_679));
        let message = Message::first(&bytes).unwrap().unwrap();
        assert_eq!((message.msg_type, message.seq), (&b"D"[..], 12_345_678));
        assert_eq!(message.bytes.len(), ORDER_LENGTH);
        assert_eq!(message.get("11="), Some("ORDER-12345678"));
        assert_eq!(message.get("58="), None);
    }

    #[test]
    fn refuses_what_is_not_its_own() {
        for bytes in ["8=FIX.4.2|9=5|35=0|", "8=FIX.4.4|9=x5|35=0|34=1|", "8=FIX.4.4|9=1234567|"] {
            assert!(Message::first(bytes.replace('|', "\x01").as_bytes()).is_err(), "{bytes}");
        }
        assert!(Message::first("8=FIX.4.4|9=5|35=0|10=163|".replace('|', "\x01").as_bytes()).is_err());
    }
}
