//! Words of the command line read, and times told as JSON.

use crate::fix::invalid;
use std::io;
use std::str::FromStr;
use std::time::Duration;

/// A number on the command line.
pub fn number<T: FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| invalid(&format!("`{text}` is no number, or too great a one")))
}

/// Nanoseconds, with commas between.
pub fn joined(times: impl IntoIterator<Item = Duration>) -> String {
    let times: Vec<String> = times.into_iter().map(|time| time.as_nanos().to_string()).collect();
    times.join(",")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_that_fits() {
        assert_eq!(number::<u16>("65535").unwrap(), 65_535);
        for text in ["", "-1", "65536", "1x"] {
            assert!(number::<u16>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_told_in_nanoseconds() {
        assert_eq!(joined([Duration::from_micros(2), Duration::from_nanos(7)]), "2000,7");
        assert_eq!(joined([]), "");
    }
}
