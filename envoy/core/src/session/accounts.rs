//! The accounts of messages that went on without a Check: how many, by direction, type and what granted them.
//!
//! Numbers only ever grow, so that one told twice, or not told once, does no harm. They are told at an interval, when they
//! changed, and at the end.

use super::cache::AccountId;
use super::{Now, Session};
use crate::command::{Command, Commands, Direction, Fact};
use crate::msg_type::MsgType;
use crate::settings::Accounting;
use std::time::Duration;

/// The most accounts of a session: what has none is not kept, and so asked about.
const MAX_ACCOUNTS: usize = 256;
/// The key of both of the session's names.
const SESSION: &str = "session";

/// All accounts of a session.
#[derive(Debug)]
pub(super) struct Accounts {
    accounts: Vec<Account>,
    /// `None`: nobody is told.
    interval_ms: Option<u32>,
    /// Something changed, and is told at this moment.
    due: Option<Duration>,
    introduced: bool,
}

#[derive(Debug)]
struct Account {
    /// `inbound:D:order:create`
    name: String,
    count: u64,
    told: u64,
}

impl Accounts {
    /// None yet.
    pub fn new(settings: &Accounting) -> Self {
        let interval_ms = settings.enabled.then_some(settings.interval_ms);
        Self { accounts: Vec::new(), interval_ms, due: None, introduced: false }
    }

    /// The account of messages that `scope` grants; `None`: there are too many.
    pub fn open(&mut self, direction: Direction, msg_type: MsgType, scope: &str) -> Option<AccountId> {
        let name = format!("{}:{msg_type}:{scope}", direction.as_str());
        let at = self.accounts.iter().position(|account| account.name == name).unwrap_or(self.accounts.len());
        if at == self.accounts.len() {
            if at >= MAX_ACCOUNTS {
                return None;
            }
            self.accounts.push(Account { name, count: 0, told: 0 });
        }
        AccountId::try_from(at).ok()
    }

    /// A message goes on.
    #[inline]
    pub fn add(&mut self, account: AccountId) {
        if let Some(account) = self.accounts.get_mut(usize::from(account)) {
            account.count += 1;
        }
    }

    /// Messages went on; `Some`: for the first time since this was told, so it is to be told again so much later.
    fn note(&mut self, now: Duration) -> Option<u32> {
        let interval_ms = self.interval_ms.filter(|_| self.due.is_none())?;
        self.due = Some(now + Duration::from_millis(interval_ms.into()));
        Some(interval_ms)
    }

    /// What changed since this was last asked.
    fn changed(&mut self) -> impl Iterator<Item = (String, Fact)> {
        self.due = None;
        self.accounts.iter_mut().filter(|account| account.count > account.told).map(|account| {
            account.told = account.count;
            (account.name.clone(), Fact::Count(account.count))
        })
    }
}

impl Session {
    /// A message goes on by a decision that was kept.
    #[inline]
    pub(super) fn account(&mut self, account: AccountId, now: Now, out: &mut Commands) {
        self.accounts.add(account);
        self.note_accounts(now, out);
    }

    /// What was added to accounts is to be told.
    #[inline]
    pub(super) fn note_accounts(&mut self, now: Now, out: &mut Commands) {
        if let Some(millis) = self.accounts.note(now.monotonic) {
            out.push(Command::Tick(millis));
        }
    }

    /// Time has passed.
    pub(super) fn tell_accounts_if_due(&mut self, now: Now, out: &mut Commands) {
        if self.accounts.due.is_some_and(|due| now.monotonic >= due) {
            self.tell_accounts(out);
        }
    }

    /// Tells what changed, and the first time whose it is.
    pub(super) fn tell_accounts(&mut self, out: &mut Commands) {
        if self.accounts.due.is_none() {
            return;
        }
        let mut facts = Vec::new();
        if !std::mem::replace(&mut self.accounts.introduced, true)
            && let Some(identity) = &self.identity
        {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            facts.push((SESSION.to_owned(), Fact::Proof(self.name.reveal().to_owned())));
            let names = [
                (SESSION, self.name.public().to_owned()),
                ("begin_string", identity.version.as_str().to_owned()),
                ("sender", text(&identity.sender)),
                ("target", text(&identity.target)),
            ];
            facts.extend(names.map(|(name, value)| (name.to_owned(), Fact::Name(value))));
        }
        facts.extend(self.accounts.changed());
        out.push(Command::Account(facts));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_bounded_and_found_again() {
        let mut accounts = Accounts::new(&Accounting::default());
        let mut open = |scope: &str| accounts.open(Direction::Inbound, MsgType::LOGON, scope);
        for n in 0..MAX_ACCOUNTS {
            assert_eq!(open(&n.to_string()).map(usize::from), Some(n));
        }
        assert_eq!(open("more"), None);
        assert_eq!(open("0"), Some(0));
    }
}
