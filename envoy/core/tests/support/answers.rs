//! What any answer of a decision service may come to: nothing is allowed that does not say so throughout, and nothing that it
//! says can break out of its field or its bounds.

use super::service::header;
use fix_authz_core::contract::batch::{Verdicts, verdicts};
use fix_authz_core::contract::grpc;
use fix_authz_core::contract::response::{answer, decision};
use fix_authz_core::contract::wire::{
    CheckResponse, DeniedHttpResponse, HeaderValueOption, OkHttpResponse, Status,
};
use fix_authz_core::decision::{Allowance, Answer, Decision, Denial, State};
use fix_authz_core::failure::Failure;

const LONGEST: usize = 2_048;

/// What an allowance may say once.
const ONCE: [&str; 13] = [
    "etag",
    "x-fix-revision",
    "x-fix-terms",
    "cache-control",
    "x-fix-watch",
    "x-fix-vary",
    "x-fix-scope",
    "x-fix-guard-outbound",
    "x-fix-pass-outbound",
    "x-fix-exempt",
    "x-fix-risk-reducing",
    "x-fix-want-tags",
    "x-fix-batch",
];

/// The bytes as the body of an answer, as the message inside a frame, and as headers written out (see [`written`]).
pub fn contract(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(LONGEST)];
    assert_sound(bytes);
    assert_sound(&framed(bytes));
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert_sound(&grpc::frame(&written(text)));
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    let len = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &len[..], message].concat()
}

/// A response: its status in the first line, then `name: value` a line, allowed; from `--` on, denied; from another `--` on, text.
fn written(text: &str) -> CheckResponse {
    let (code, rest) = text.split_once('\n').unwrap_or((text, ""));
    let mut parts = rest.splitn(3, "--\n");
    let headers = |part: &str| -> Vec<HeaderValueOption> {
        part.lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| header(name, value))
            .collect()
    };
    let part = |part: Option<&str>| part.map(headers).filter(|headers| !headers.is_empty());
    let (ok, denied) = (part(parts.next()), part(parts.next()));
    let body = parts.next().unwrap_or_default();
    CheckResponse {
        status: code.parse().ok().map(|code| Status { code }),
        ok_response: ok.map(|headers| OkHttpResponse { headers }),
        denied_response: denied.map(|headers| DeniedHttpResponse { headers, body: body.to_owned() }),
    }
}

/// Of several messages, none is allowed that is not counted.
fn assert_counted(body: &[u8], decided: &Result<Decision, Failure>) {
    for count in 1..4 {
        let verdicts = verdicts(body, count);
        let Ok(verdicts) = verdicts else {
            assert!(
                answer(body).is_err()
                    || whole(body).is_some_and(
                        |response| !said_allowed(&response).is_empty() || response.ok_response.is_some()
                    )
            );
            continue;
        };
        let response = whole(body).unwrap();
        let said = said_allowed(&response);
        match verdicts {
            Verdicts::Allowed(_) => {
                assert!(matches!(decided, Ok(Decision::Forward(_))));
                assert_eq!(said, [Some(count)]);
            }
            Verdicts::Until(allowed, denied) => {
                assert_not_allowed(denied, body);
                assert!(allowed < count && said == [Some(allowed)]);
            }
            Verdicts::Denied(denied) => {
                assert_not_allowed(denied, body);
                assert!(said.is_empty());
            }
        }
    }
}

fn assert_not_allowed(denied: Answer, body: &[u8]) {
    assert!(!matches!(denied, Answer::Decided(Decision::Forward(_), _)));
    assert_eq!(answer(body), Ok(denied));
}

/// The numbers of all `x-fix-allowed`.
fn said_allowed(response: &CheckResponse) -> Vec<Option<usize>> {
    let ok = response.ok_response.iter().flat_map(|ok| &ok.headers);
    let denied = response.denied_response.iter().flat_map(|denied| &denied.headers);
    let headers: Vec<HeaderValueOption> = ok.chain(denied).cloned().collect();
    said(&headers, "x-fix-allowed").into_iter().map(|count| count.parse().ok()).collect()
}

fn assert_sound(body: &[u8]) {
    let decided = decision(body);
    assert_eq!(decided, decision(body), "another verdict the second time");
    assert_counted(body, &decided);
    assert_answered(body, &decided);
    let Some(response) = whole(body) else {
        assert!(decided.is_err(), "no whole answer, and still {decided:?}");
        return;
    };
    let code = response.status.map_or(0, |status| status.code);
    let (ok, denied) = (response.ok_response, response.denied_response);
    match decided {
        Ok(Decision::Forward(allowance)) => {
            assert!(code == 0 && denied.is_none());
            let headers = ok.unwrap().headers;
            assert_eq!(said(&headers, "x-fix-action"), ["forward"]);
            for name in ONCE {
                assert!(said(&headers, name).len() <= 1, "{name} twice");
            }
            assert_bounded(&allowance, &headers);
        }
        Ok(decision) => {
            assert!(code > 0 && ok.is_none());
            let headers = denied.unwrap().headers;
            let action = match &decision {
                Decision::Reject(_) => "reject",
                Decision::Logout(_) => "logout",
                _ => "disconnect",
            };
            assert_eq!(said(&headers, "x-fix-action"), [action]);
            if let Decision::Reject(denial) | Decision::Logout(denial) = &decision {
                assert_printable(denial, code);
            }
        }
        Err(failure) => assert_eq!(failure, Failure::Contradictory),
    }
}

/// An answer about a message is the decision, with the state that it was made in, or the service's terms, which are named.
fn assert_answered(body: &[u8], decided: &Result<Decision, Failure>) {
    match answer(body) {
        Ok(Answer::Decided(decision, state)) => {
            assert_eq!(*decided, Ok(decision));
            let response = whole(body).unwrap();
            let ok = response.ok_response.map(|ok| ok.headers);
            let headers = ok.or(response.denied_response.map(|denied| denied.headers)).unwrap();
            assert_state(&state, &headers);
        }
        Ok(Answer::OtherTerms(terms, state)) => {
            assert!(decided.is_err());
            let response = whole(body).unwrap();
            assert!(response.ok_response.is_none() && response.status.unwrap().code == 9);
            let headers = response.denied_response.unwrap().headers;
            assert_eq!(said(&headers, "x-fix-action"), ["terms"]);
            assert_eq!(said(&headers, "x-fix-terms"), [terms.name.unwrap().as_str()]);
            assert_state(&state, &headers);
        }
        Err(failure) => assert_eq!(*decided, Err(failure)),
    }
}

fn assert_state(state: &State, headers: &[HeaderValueOption]) {
    let etag = state.etag.as_ref().map(|etag| etag.as_str());
    assert_eq!(etag, said(headers, "etag").first().copied());
    if let Some(etag) = etag {
        assert!((1..=256).contains(&etag.len()));
        assert!(etag.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
    let revision = said(headers, "x-fix-revision").first().map(|text| (*text).to_owned());
    let numbers = state.revision.map(|revision| revision.to_string());
    assert!(numbers.is_some() == revision.is_some(), "{revision:?}");
}

/// The message of exactly one uncompressed frame.
fn whole(body: &[u8]) -> Option<CheckResponse> {
    let (prefix, message) = body.split_at_checked(5)?;
    let announced = prefix[1..].iter().fold(0_usize, |len, byte| len << 8 | usize::from(*byte));
    let sound = prefix[0] == 0 && announced == message.len();
    sound.then(|| prost_decode(message)).flatten()
}

fn prost_decode(message: &[u8]) -> Option<CheckResponse> {
    grpc::unframe(&framed(message)).ok()
}

fn said<'a>(headers: &'a [HeaderValueOption], name: &str) -> Vec<&'a str> {
    let all = headers.iter().filter_map(|option| option.header.as_ref());
    all.filter(|header| header.key == name).map(|header| header.value.as_str()).collect()
}

fn assert_bounded(allowance: &Allowance, headers: &[HeaderValueOption]) {
    assert_state(&allowance.state, headers);
    assert!(allowance.watch_s.is_none_or(|seconds| (1..=3_600).contains(&seconds)));
    if let Some(reuse) = &allowance.reuse {
        assert_eq!(said(headers, "cache-control").len(), 1);
        assert!(reuse.max_age_s > 0 && reuse.vary.is_sorted());
        assert!(reuse.scope.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && reuse.scope.len() <= 256);
    }
    if let Some(tags) = allowance.terms.as_ref().and_then(|terms| terms.want_tags.as_ref()) {
        assert!(tags.is_sorted());
    }
}

/// It goes into 58 as it stands.
fn assert_printable(denial: &Denial, code: i32) {
    assert!((1..=256).contains(&denial.text.len()));
    assert!(denial.text.iter().all(|byte| (b' '..=b'~').contains(byte)));
    assert_eq!(denial.unauthenticated, code == 16);
}
