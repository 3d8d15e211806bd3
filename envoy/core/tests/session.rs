//! Whole sessions as dialogues; see `support/transcript.rs` for how to read them.

#![allow(missing_docs, clippy::indexing_slicing, clippy::panic)]

#[path = "session/accounts.rs"]
mod accounts;
#[path = "session/batching.rs"]
mod batching;
#[path = "session/consistency.rs"]
mod consistency;
#[path = "session/draining.rs"]
mod draining;
#[path = "session/ending.rs"]
mod ending;
#[path = "session/framing.rs"]
mod framing;
#[path = "session/half_closed.rs"]
mod half_closed;
#[path = "session/holding.rs"]
mod holding;
#[path = "session/inbound.rs"]
mod inbound;
#[path = "session/journal.rs"]
mod journal;
#[path = "session/limiting.rs"]
mod limiting;
#[path = "session/limits.rs"]
mod limits;
#[path = "session/logon.rs"]
mod logon;
#[path = "session/naming.rs"]
mod naming;
#[path = "session/outage.rs"]
mod outage;
#[path = "session/outbound.rs"]
mod outbound;
#[path = "session/precedents.rs"]
mod precedents;
#[path = "session/redelivering.rs"]
mod redelivering;
#[path = "session/renewing.rs"]
mod renewing;
#[path = "session/resetting.rs"]
mod resetting;
#[path = "session/reusing.rs"]
mod reusing;
#[path = "session/secrets.rs"]
mod secrets;
#[path = "session/silence.rs"]
mod silence;
#[path = "support/mod.rs"]
mod support;
#[path = "session/unanswered.rs"]
mod unanswered;
#[path = "session/violations.rs"]
mod violations;
#[path = "session/watching.rs"]
mod watching;
