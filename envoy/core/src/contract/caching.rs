//! How long an answer holds, in HTTP's own words: `cache-control` (RFC 9111, 5.2; RFC 5861) and `x-fix-vary`.
//!
//! A proxy that keeps nothing asks about every message, so whatever is odd here costs a Check and nothing else: the answer
//! then counts for its own message alone.

use crate::decision::Reuse;

/// The longest scope that is taken into the accounts.
const MAX_SCOPE: usize = 256;

/// For how long, and for which messages, an answer with these headers holds; `None`: for its own message alone.
pub fn reuse(cache_control: &str, vary: &str, scope: &str) -> Option<Reuse> {
    let (max_age_s, stale_if_error_s) = ages(cache_control)?;
    let printable = scope.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
    let scope = Some(scope).filter(|scope| printable && (1..=MAX_SCOPE).contains(&scope.len()))?;
    Some(Reuse { max_age_s, stale_if_error_s, vary: tags(vary)?, scope: scope.to_owned() })
}

/// `max-age` and `stale-if-error`; `None` where the answer is not to be kept.
fn ages(cache_control: &str) -> Option<(u32, u32)> {
    let (mut max_age, mut stale_if_error, mut must_revalidate) = (None, None, false);
    for directive in cache_control.split(',').map(str::trim) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        // What stands twice is taken for stale (RFC 9111, 4.2.1).
        match name.to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return None,
            "must-revalidate" => must_revalidate = true,
            "max-age" if max_age.is_none() => max_age = Some(seconds(value)?),
            "stale-if-error" if stale_if_error.is_none() => stale_if_error = Some(seconds(value)?),
            "max-age" | "stale-if-error" => return None,
            _ => {}
        }
    }
    let stale_if_error = stale_if_error.filter(|_| !must_revalidate).unwrap_or_default();
    max_age.filter(|age| *age > 0).map(|age| (age, stale_if_error))
}

/// Delta-seconds (RFC 9111, 1.2.2): digits, and a number too large stands for a very large one.
fn seconds(value: &str) -> Option<u32> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| value.parse().unwrap_or(u32::MAX))
}

/// A list of tags, sorted. Anything else, `*` too, says that no other message is alike.
fn tags(list: &str) -> Option<Vec<u32>> {
    let items = list.split(',').map(str::trim).filter(|item| !item.is_empty());
    let tag = |item: &str| item.parse().ok().filter(|tag| (1..=999_999).contains(tag));
    let mut tags = items.map(tag).collect::<Option<Vec<u32>>>()?;
    tags.sort_unstable();
    tags.dedup();
    Some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ages_and_tags() {
        for (cache_control, ages) in [
            ("max-age=60", Some((60, 0))),
            ("Max-Age=1, stale-if-error=30", Some((1, 30))),
            ("private , stale-if-error=5,max-age=2", Some((2, 5))),
            ("max-age=2, stale-if-error=5, must-revalidate", Some((2, 0))),
            ("max-age=99999999999", Some((u32::MAX, 0))),
            ("max-age=0", None),
            ("max-age=0, stale-if-error=60", None),
            ("no-store", None),
            ("no-cache, max-age=9", None),
            ("max-age=9, NO-STORE", None),
            ("max-age=9, max-age=9", None),
            ("max-age=-1", None),
            ("max-age=1.5", None),
            ("max-age=\"60\"", None),
            ("max-age", None),
            ("max-age=9, stale-if-error=x", None),
            ("stale-if-error=60", None),
            ("", None),
        ] {
            let read = reuse(cache_control, "", "-").map(|reuse| (reuse.max_age_s, reuse.stale_if_error_s));
            assert_eq!(read, ages, "{cache_control}");
        }
        for (vary, tags) in [
            ("", Some(vec![])),
            ("167", Some(vec![167])),
            (" 40,167 ,40,, 1", Some(vec![1, 40, 167])),
            ("*", None),
            ("167,*", None),
            ("0", None),
            ("-1", None),
            ("1000000", None),
            ("CS", None),
        ] {
            assert_eq!(reuse("max-age=1", vary, "-").map(|reuse| reuse.vary), tags, "{vary}");
        }
    }

    #[test]
    fn a_scope_that_cannot_be_accounted_for_is_not_kept() {
        for good in ["-", "order:create:equity", &"s".repeat(256)] {
            assert_eq!(reuse("max-age=1", "", good).map(|reuse| reuse.scope), Some(good.to_owned()));
        }
        for bad in ["", "a b", "\u{e9}", "a\u{1}", &"s".repeat(257)] {
            assert_eq!(reuse("max-age=1", "", bad), None, "{bad}");
        }
    }
}
