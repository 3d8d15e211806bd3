//! Every bound of a listener: times, sizes and numbers, each with its default and its own range.

use super::values::{whole, within};
use serde::Deserialize;
use std::time::Duration;

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = $default:literal in $min:literal..=$max:literal,)*) => {
        /// Every bound; times in milliseconds.
        #[derive(Debug, Clone, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Limits {
            $($(#[$doc])* #[serde(deserialize_with = "whole")] pub $name: u32,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            pub(super) fn validate(&self) -> Result<(), String> {
                $(within(concat!("limits.", stringify!($name)), self.$name, $min..=$max)?;)*
                Ok(())
            }
        }
    };
}

limits! {
    /// From the connection to an authorized Logon.
    logon_timeout_ms = 10_000 in 10..=600_000,
    /// From a Logout that ends a session to the close, if the venue does not answer it; and from the end of one side (FIN) to
    /// the close, if the other side does not end.
    logout_timeout_ms = 2_000 in 10..=60_000,
    /// From the order to end a session to the close, if the client sends nothing that could become a Logout; and from the end
    /// of one side (FIN) to the close, if messages that came before it cannot be decided.
    end_timeout_ms = 60_000 in 10..=600_000,
    /// So many HeartBtInt (108) a client may be silent before its session ends; 0: no limit.
    silent_heartbeats = 4 in 0..=1_000,
    /// The longest message.
    max_message_bytes = 65_536 in 64..=8_388_608,
    /// The most fields in a message.
    max_fields = 2_048 in 8..=65_536,
    /// Checks out at once, for each direction of a connection.
    max_checks_in_flight = 256 in 1..=65_536,
    /// How many messages of a client, in all its sessions, may wait for an answer; a long message counts more; 0: no limit.
    max_checks_in_flight_per_client = 256 in 0..=65_536,
    /// Denied and replayed messages a second of a client, in all its sessions; a long message counts more; 0: no limit.
    denied_or_replayed_per_s = 200 in 0..=1_000_000,
    /// How many denied and replayed messages may come at once.
    denied_or_replayed_at_once = 10_000 in 1..=1_000_000,
    /// Bytes waiting for answers, for each direction of a connection.
    max_queued_bytes = 1_048_576 in 1_024..=268_435_456,
    /// How long messages of the venue's are held that the service could not decide.
    outbound_hold_ms = 10_000 in 0..=600_000,
    /// Denied messages whose reject the venue's Heartbeat has not yet carried back.
    max_pending_rejects = 1_024 in 1..=65_536,
    /// After so long they hold up nothing any more.
    reject_timeout_ms = 300_000 in 10..=86_400_000,
    /// Inbound messages a second that need a decision; 0: no limit.
    messages_per_s = 0 in 0..=1_000_000,
    /// The same of a day (UTC), in all connections of a FIX session; 0: no limit.
    messages_per_day = 0 in 0..=2_000_000_000,
    /// Denied messages of any minute at which the session is ended; 0: it never is.
    denials_per_minute = 0 in 0..=10_000,
    /// Malformed and garbled messages of any minute, of both sides, at which the session is ended.
    violations_per_minute = 60 in 1..=10_000,
    /// Connections from one address that have no authorized Logon yet; 0: no limit.
    pending_connections_per_address = 0 in 0..=65_536,
    /// Rejects remembered for each FIX session, to be put back where a lost connection took them; 0: none.
    remembered_rejects = 1_024 in 0..=4_096,
    /// FIX sessions that something is remembered of: rejects, and the day's messages.
    remembered_sessions = 4_096 in 1..=1_048_576,
    /// What those rejects may take, of all sessions.
    remembered_bytes = 67_108_864 in 65_536..=1_073_741_824,
    /// How long they are remembered.
    remembered_ms = 3_600_000 in 1_000..=604_800_000,
}

impl Limits {
    /// See `logon_timeout_ms`.
    pub fn logon_timeout(&self) -> Duration {
        Duration::from_millis(self.logon_timeout_ms.into())
    }

    /// See `logout_timeout_ms`.
    pub fn logout_timeout(&self) -> Duration {
        Duration::from_millis(self.logout_timeout_ms.into())
    }

    /// See `end_timeout_ms`.
    pub fn end_timeout(&self) -> Duration {
        Duration::from_millis(self.end_timeout_ms.into())
    }
}
