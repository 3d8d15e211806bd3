//! What is answered: a CheckResponse as a [`Decision`], or a [`Failure`], which denies.

use super::caching;
use super::grpc;
use super::wire::{CheckResponse, HeaderValueOption};
use crate::decision::{
    Allowance, Answer, Decision, Denial, ETag, Guard, NOT_AUTHORIZED, Reuse, Revision, State, Terms,
    TermsName,
};
use crate::failure::Failure;
use crate::msg_type::{MsgType, MsgTypes};

/// google.rpc.Code
const UNAUTHENTICATED: i32 = 16;
/// google.rpc.Code FAILED_PRECONDITION: the Check names other terms than the service's.
const FAILED_PRECONDITION: i32 = 9;

/// The longest that a service may take over a watch, in seconds.
const MAX_WATCH_S: u32 = 3_600;

/// The longest name of a client, in bytes.
const MAX_CLIENT: usize = 256;

/// Reads the body of an answer about a Logon, a renewal or a watch.
///
/// # Errors
/// Anything but a decision that says the same thing throughout.
pub fn decision(body: &[u8]) -> Result<Decision, Failure> {
    match answer(body)? {
        Answer::Decided(decision, _) => Ok(decision),
        // A Check of this kind names no terms, so the service cannot send it back because of them.
        Answer::OtherTerms(..) => Err(Failure::Contradictory),
    }
}

/// Reads the body of an answer about a message.
///
/// # Errors
/// Anything but an answer that says the same thing throughout.
pub fn answer(body: &[u8]) -> Result<Answer, Failure> {
    read(&grpc::unframe(body)?)
}

/// The same, and how many messages before the one that it is about it allows, where it says so (see [`super::batch`]).
pub(super) fn counted(body: &[u8]) -> Result<(Answer, Option<usize>), Failure> {
    let response: CheckResponse = grpc::unframe(body)?;
    let answer = read(&response)?;
    let headers = match (&response.ok_response, &response.denied_response) {
        (Some(ok), _) => &ok.headers,
        (None, Some(denied)) => &denied.headers,
        (None, None) => return Err(Failure::Contradictory),
    };
    let allowed = header(headers, "x-fix-allowed")?;
    Ok((answer, allowed.map(count).transpose()?))
}

fn count(value: &str) -> Result<usize, Failure> {
    value.parse().map_err(|_| Failure::Contradictory)
}

fn read(response: &CheckResponse) -> Result<Answer, Failure> {
    let code = response.status.as_ref().map_or(0, |status| status.code);
    match (code, &response.ok_response, &response.denied_response) {
        (0, Some(ok), None) => {
            let state = state(&ok.headers)?;
            Ok(Answer::Decided(allowed(&ok.headers, state.clone())?, state))
        }
        (FAILED_PRECONDITION, None, Some(denied)) if other_terms(&denied.headers)? => {
            let terms = terms(&denied.headers)?.filter(|terms| terms.name.is_some());
            Ok(Answer::OtherTerms(terms.ok_or(Failure::Contradictory)?, state(&denied.headers)?))
        }
        (1.., None, Some(denied)) => {
            let refused = refused(&denied.headers, denied.body.as_bytes(), code == UNAUTHENTICATED)?;
            Ok(Answer::Decided(refused, state(&denied.headers)?))
        }
        _ => Err(Failure::Contradictory),
    }
}

fn other_terms(headers: &[HeaderValueOption]) -> Result<bool, Failure> {
    Ok(header(headers, "x-fix-action")? == Some("terms"))
}

fn allowed(headers: &[HeaderValueOption], state: State) -> Result<Decision, Failure> {
    if header(headers, "x-fix-action")? != Some("forward") {
        return Err(Failure::Contradictory);
    }
    let watch = header(headers, "x-fix-watch")?;
    Ok(Decision::Forward(Allowance {
        terms: terms(headers)?.map(Box::new),
        state,
        watch_s: watch.map(seconds).transpose()?,
        client: header(headers, "x-fix-client")?.map(client).transpose()?,
        reuse: reuse(headers)?,
        username: header(headers, "x-fix-username")? == Some("accepted"),
    }))
}

/// A client's name: bounded, and not empty.
fn client(name: &str) -> Result<String, Failure> {
    if (1..=MAX_CLIENT).contains(&name.len()) { Ok(name.to_owned()) } else { Err(Failure::Contradictory) }
}

/// Reads the state that the answer was made in.
fn state(headers: &[HeaderValueOption]) -> Result<State, Failure> {
    let etag = header(headers, "etag")?;
    let revision = header(headers, "x-fix-revision")?;
    Ok(State {
        etag: etag.map(|etag| ETag::new(etag).ok_or(Failure::Contradictory)).transpose()?,
        revision: revision.map(self::revision).transpose()?,
        terms: terms_name(headers)?,
    })
}

fn terms_name(headers: &[HeaderValueOption]) -> Result<Option<TermsName>, Failure> {
    let name = header(headers, "x-fix-terms")?;
    name.map(|name| TermsName::new(name).ok_or(Failure::Contradictory)).transpose()
}

fn revision(value: &str) -> Result<Revision, Failure> {
    let (mapping, restrictions) = value.split_once('.').ok_or(Failure::Contradictory)?;
    Ok(Revision { mapping: number(mapping)?, restrictions: number(restrictions)? })
}

fn number(value: &str) -> Result<u64, Failure> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| digits).ok_or(Failure::Contradictory)
}

/// How long the answer holds. One that says so in words that are not understood is taken for this message alone.
fn reuse(headers: &[HeaderValueOption]) -> Result<Option<Reuse>, Failure> {
    let (lifetime, vary) = (header(headers, "cache-control")?, header(headers, "x-fix-vary")?);
    let scope = header(headers, "x-fix-scope")?.unwrap_or("-");
    Ok(lifetime.and_then(|lifetime| caching::reuse(lifetime, vary.unwrap_or_default(), scope)))
}

/// The terms, where the answer has any of them.
fn terms(headers: &[HeaderValueOption]) -> Result<Option<Terms>, Failure> {
    let guard_outbound = header(headers, "x-fix-guard-outbound")?;
    let pass_outbound = header(headers, "x-fix-pass-outbound")?;
    let exempt = header(headers, "x-fix-exempt")?;
    let risk_reducing = header(headers, "x-fix-risk-reducing")?;
    let want_tags = header(headers, "x-fix-want-tags")?;
    let batch = header(headers, "x-fix-batch")?;
    if [guard_outbound, pass_outbound, exempt, risk_reducing, want_tags, batch].iter().all(Option::is_none) {
        return Ok(None);
    }
    Ok(Some(Terms {
        guard_outbound: guard(guard_outbound, pass_outbound)?,
        exempt: msg_types(exempt)?,
        risk_reducing: msg_types(risk_reducing)?,
        want_tags: want_tags.map(tag_list).transpose()?,
        batch: batch.map(count).transpose()?.unwrap_or_default(),
        name: terms_name(headers)?,
        ..Terms::default()
    }))
}

fn seconds(value: &str) -> Result<u32, Failure> {
    let seconds = value.parse().map_err(|_| Failure::Contradictory)?;
    if (1..=MAX_WATCH_S).contains(&seconds) { Ok(seconds) } else { Err(Failure::Contradictory) }
}

fn refused(headers: &[HeaderValueOption], text: &[u8], unauthenticated: bool) -> Result<Decision, Failure> {
    let reason = match header(headers, "x-fix-reject-reason")? {
        Some(reason) => reason.parse().map_err(|_| Failure::Contradictory)?,
        None => NOT_AUTHORIZED,
    };
    let session_status = header(headers, "x-fix-session-status")?.and_then(|status| status.parse().ok());
    let denial = Denial { unauthenticated, ..Denial::new(text, reason, session_status) };
    match header(headers, "x-fix-action")? {
        Some("reject") => Ok(Decision::Reject(denial)),
        Some("logout") => Ok(Decision::Logout(denial)),
        Some("disconnect") => Ok(Decision::Disconnect),
        _ => Err(Failure::Contradictory),
    }
}

/// The value of a header that stands at most once.
fn header<'a>(headers: &'a [HeaderValueOption], name: &str) -> Result<Option<&'a str>, Failure> {
    let mut found =
        headers.iter().filter_map(|option| option.header.as_ref()).filter(|header| header.key == name);
    match (found.next(), found.next()) {
        (Some(header), None) => Ok(Some(&header.value)),
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(Failure::Contradictory),
    }
}

/// Which outbound types are asked about: those in a list, or with `*` all but those that `pass` lists.
fn guard(list: Option<&str>, pass: Option<&str>) -> Result<Guard, Failure> {
    match (list.map(str::trim), pass) {
        (Some("*"), pass) => Ok(Guard::AllBut(msg_types(pass)?)),
        (_, None) => Ok(Guard::Only(msg_types(list)?)),
        (_, Some(_)) => Err(Failure::Contradictory),
    }
}

fn msg_types(list: Option<&str>) -> Result<MsgTypes, Failure> {
    items(list.unwrap_or_default())
        .map(|item| MsgType::new(item.as_bytes()).ok_or(Failure::Contradictory))
        .collect()
}

fn tag_list(list: &str) -> Result<Vec<u32>, Failure> {
    let mut tags: Vec<u32> =
        items(list).map(|item| item.parse().map_err(|_| Failure::Contradictory)).collect::<Result<_, _>>()?;
    tags.sort_unstable();
    Ok(tags)
}

fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::contract::wire::{DeniedHttpResponse, HeaderValue, OkHttpResponse, Status};

    const REVISION: Revision = Revision { mapping: 3, restrictions: 7 };

    fn read(response: &CheckResponse) -> Result<Decision, Failure> {
        decision(&grpc::frame(response))
    }

    fn headers(pairs: &[(&str, &str)]) -> Vec<HeaderValueOption> {
        let option = |(key, value): &(&str, &str)| HeaderValueOption {
            header: Some(HeaderValue { key: (*key).into(), value: (*value).into() }),
        };
        pairs.iter().map(option).collect()
    }

    fn ok(pairs: &[(&str, &str)]) -> CheckResponse {
        let ok_response = Some(OkHttpResponse { headers: headers(pairs) });
        CheckResponse { status: Some(Status { code: 0 }), ok_response, ..Default::default() }
    }

    fn denied(code: i32, pairs: &[(&str, &str)], body: &str) -> CheckResponse {
        let denied_response = Some(DeniedHttpResponse { headers: headers(pairs), body: body.into() });
        CheckResponse { status: Some(Status { code }), denied_response, ..Default::default() }
    }

    #[test]
    fn reads_the_terms_of_a_session() {
        let response = ok(&[
            ("x-fix-action", "forward"),
            ("x-fix-guard-outbound", "8, AE"),
            ("x-fix-exempt", ""),
            ("x-fix-risk-reducing", "F"),
            ("x-fix-want-tags", "167,40,11"),
            ("x-unknown", "?"),
        ]);
        let Ok(Decision::Forward(Allowance { terms: Some(terms), .. })) = read(&response) else {
            panic!("not allowed")
        };
        let kind = |t: &[u8]| MsgType::new(t).unwrap();
        assert!(terms.asks_outbound(kind(b"AE")) && !terms.asks_outbound(kind(b"9")));
        assert!(terms.asks_inbound(kind(b"D")) && !terms.asks_inbound(MsgType::HEARTBEAT));
        assert!(terms.risk_reducing.contains(kind(b"F")));
        assert_eq!(terms.want_tags, Some(vec![11, 40, 167]));
        let plain = read(&ok(&[("x-fix-action", "forward")]));
        assert_eq!(plain, Ok(Decision::Forward(Allowance::default())));
        let one = read(&ok(&[("x-fix-action", "forward"), ("x-fix-exempt", "")]));
        let terms = Some(Box::default());
        assert_eq!(one, Ok(Decision::Forward(Allowance { terms, ..Allowance::default() })));
    }

    #[test]
    fn reads_which_outbound_types_are_asked_about() {
        let guard = |headers: &[(&str, &str)]| {
            let headers = [&[("x-fix-action", "forward")], headers].concat();
            match read(&ok(&headers))? {
                Decision::Forward(Allowance { terms: Some(terms), .. }) => Ok(terms.guard_outbound),
                _ => Err(Failure::NoAnswer),
            }
        };
        let types = |names: &[&str]| -> MsgTypes {
            names.iter().filter_map(|name| MsgType::new(name.as_bytes())).collect()
        };
        assert_eq!(guard(&[("x-fix-guard-outbound", "AE,8")]), Ok(Guard::Only(types(&["8", "AE"]))));
        assert_eq!(guard(&[("x-fix-guard-outbound", "")]), Ok(Guard::default()));
        assert_eq!(guard(&[("x-fix-guard-outbound", "*")]), Ok(Guard::AllBut(types(&[]))));
        let all_but = [("x-fix-guard-outbound", "*"), ("x-fix-pass-outbound", "j, 9")];
        assert_eq!(guard(&all_but), Ok(Guard::AllBut(types(&["9", "j"]))));
        for bad in [
            &[("x-fix-guard-outbound", "*,8")][..],
            &[("x-fix-guard-outbound", "8"), ("x-fix-pass-outbound", "9")],
            &[("x-fix-pass-outbound", "9")],
            &[("x-fix-guard-outbound", "*"), ("x-fix-pass-outbound", "*")],
        ] {
            assert_eq!(guard(bad), Err(Failure::Contradictory), "{bad:?}");
        }
    }

    #[test]
    fn a_client_has_a_name_of_bounded_length() {
        let named = |name: &str| read(&ok(&[("x-fix-action", "forward"), ("x-fix-client", name)]));
        let client = Some("c".repeat(MAX_CLIENT));
        assert_eq!(
            named(&"c".repeat(MAX_CLIENT)),
            Ok(Decision::Forward(Allowance { client, ..Allowance::default() }))
        );
        for bad in ["", &"c".repeat(MAX_CLIENT + 1)] {
            assert_eq!(named(bad), Err(Failure::Contradictory));
        }
    }

    #[test]
    fn reads_what_a_watch_rests_on() {
        let pairs = [("x-fix-action", "forward"), ("etag", "\"a b\""), ("x-fix-watch", "50")];
        let state = State { etag: ETag::new("\"a b\""), ..State::default() };
        let allowance = Allowance { state, watch_s: Some(50), ..Allowance::default() };
        assert_eq!(read(&ok(&pairs)), Ok(Decision::Forward(allowance)));
        for (name, bad) in [
            ("etag", ""),
            ("etag", "\"\u{e9}\""),
            ("etag", "a\r\nb"),
            ("etag", &"e".repeat(257)),
            ("x-fix-watch", ""),
            ("x-fix-watch", "0"),
            ("x-fix-watch", "-1"),
            ("x-fix-watch", "1.5"),
            ("x-fix-watch", "3601"),
            ("x-fix-watch", "99999999999"),
        ] {
            let answer = read(&ok(&[("x-fix-action", "forward"), (name, bad)]));
            assert_eq!(answer, Err(Failure::Contradictory), "{name}: {bad:?}");
        }
    }

    #[test]
    fn reads_the_state_that_a_decision_was_made_in() {
        let answered = |response: &CheckResponse| match answer(&grpc::frame(response)) {
            Ok(Answer::Decided(_, state)) => state,
            other => panic!("{other:?}"),
        };
        let state = State { etag: ETag::new("\"e\""), revision: Some(REVISION), terms: None };
        let told = [("etag", "\"e\""), ("x-fix-revision", "3.7")];
        assert_eq!(answered(&ok(&[&[("x-fix-action", "forward")], &told[..]].concat())), state);
        assert_eq!(answered(&denied(7, &[&[("x-fix-action", "reject")], &told[..]].concat(), "no")), state);
        assert_eq!(answered(&ok(&[("x-fix-action", "forward")])), State::default());
        for bad in ["", "1", "1.", ".1", "1.-1", "+1.1", "1.1.1", "0x1.1", "1.18446744073709551616", " 1.1"] {
            let response = ok(&[("x-fix-action", "forward"), ("x-fix-revision", bad)]);
            assert_eq!(read(&response), Err(Failure::Contradictory), "{bad:?}");
        }
    }

    #[test]
    fn reads_the_terms_of_a_service_that_has_others() {
        let told = [
            ("x-fix-action", "terms"),
            ("x-fix-terms", "t2"),
            ("x-fix-want-tags", "55"),
            ("etag", "\"e\""),
            ("x-fix-revision", "3.7"),
        ];
        let terms = Terms { want_tags: Some(vec![55]), name: TermsName::new("t2"), ..Terms::default() };
        let (name, revision) = (TermsName::new("t2"), Some(REVISION));
        let state = State { etag: ETag::new("\"e\""), revision, terms: name };
        let response = denied(9, &told, "");
        assert_eq!(answer(&grpc::frame(&response)), Ok(Answer::OtherTerms(terms, state)));
        // It is no answer to a Logon, a renewal or a watch, and none where it does not name the terms.
        assert_eq!(read(&response), Err(Failure::Contradictory));
        for odd in [denied(7, &told, ""), denied(9, &told[..1], ""), ok(&told)] {
            assert_eq!(answer(&grpc::frame(&odd)), Err(Failure::Contradictory), "{odd:?}");
        }
        for bad in ["", "*", "a b", "a,b", "\u{e9}", &"t".repeat(65)] {
            let response = denied(9, &[("x-fix-action", "terms"), ("x-fix-terms", bad)], "");
            assert_eq!(answer(&grpc::frame(&response)), Err(Failure::Contradictory), "{bad:?}");
        }
    }

    #[test]
    fn reads_what_else_an_answer_holds_for() {
        let reuse =
            |pairs: &[(&str, &str)]| match read(&ok(&[&[("x-fix-action", "forward")], pairs].concat())) {
                Ok(Decision::Forward(allowance)) => allowance.reuse,
                other => panic!("{other:?}"),
            };
        let pairs = [
            ("cache-control", "max-age=60, stale-if-error=5"),
            ("x-fix-vary", "167, 40"),
            ("x-fix-scope", "order:create"),
        ];
        let scope = "order:create".to_owned();
        let kept = Reuse { max_age_s: 60, stale_if_error_s: 5, vary: vec![40, 167], scope };
        assert_eq!(reuse(&pairs), Some(kept));
        let bare = Reuse { max_age_s: 60, stale_if_error_s: 0, vary: vec![], scope: "-".into() };
        assert_eq!(reuse(&[("cache-control", "max-age=60")]), Some(bare));
        assert_eq!(reuse(&pairs[1..]), None);
        for twice in pairs {
            let answer = read(&ok(&[("x-fix-action", "forward"), twice, twice]));
            assert_eq!(answer, Err(Failure::Contradictory), "{twice:?}");
        }
    }

    #[test]
    fn reads_a_denial() {
        let pairs = [("x-fix-action", "reject"), ("x-fix-reject-reason", "4"), ("x-fix-session-status", "8")];
        let Ok(Decision::Reject(denial)) = read(&denied(7, &pairs, "no")) else { panic!("not rejected") };
        assert_eq!(denial, Denial::new(b"no", 4, Some(8)));
        let logout = read(&denied(16, &[("x-fix-action", "logout")], "access token expired"));
        let denial = Denial { unauthenticated: true, ..Denial::new(b"access token expired", 6, None) };
        assert_eq!(logout, Ok(Decision::Logout(denial)));
        assert_eq!(read(&denied(7, &[("x-fix-action", "disconnect")], "")), Ok(Decision::Disconnect));
    }

    #[test]
    fn whatever_contradicts_itself_is_a_failure() {
        for response in [
            CheckResponse::default(),
            ok(&[]),
            ok(&[("x-fix-action", "reject")]),
            ok(&[("x-fix-action", "forward"), ("x-fix-action", "forward")]),
            ok(&[("x-fix-action", "forward"), ("x-fix-guard-outbound", "8,/")]),
            ok(&[("x-fix-action", "forward"), ("x-fix-want-tags", "all")]),
            ok(&[("x-fix-action", "forward"), ("x-fix-guard-outbound", "8"), ("x-fix-guard-outbound", "AE")]),
            denied(0, &[("x-fix-action", "reject")], "no"),
            denied(-1, &[("x-fix-action", "reject")], "no"),
            denied(7, &[], "no"),
            denied(7, &[("x-fix-action", "forward")], "no"),
            denied(7, &[("x-fix-action", "reject"), ("x-fix-reject-reason", "six")], "no"),
            CheckResponse { status: Some(Status { code: 7 }), ..ok(&[("x-fix-action", "forward")]) },
            CheckResponse {
                ok_response: ok(&[]).ok_response,
                ..denied(7, &[("x-fix-action", "reject")], "no")
            },
        ] {
            assert_eq!(read(&response), Err(Failure::Contradictory), "{response:?}");
        }
    }
}
