//! A journal in memory, which another listener can take over: a process was killed, and another began.

use fix_authz_core::session::Journal;
use std::mem::take;
use std::sync::{Arc, Mutex};

#[derive(Debug, Clone, Default)]
pub struct Lines {
    own: Arc<Mutex<Vec<u8>>>,
    left_behind: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Lines {
    /// The journal of the process after this one.
    pub fn next(&self) -> Self {
        let left_behind = Arc::new(Mutex::new(vec![self.text()]));
        Self { own: Arc::default(), left_behind }
    }

    pub fn text(&self) -> Vec<u8> {
        self.own.lock().unwrap().clone()
    }
}

impl Journal for Lines {
    fn append(&self, line: &[u8]) -> bool {
        self.own.lock().unwrap().extend_from_slice(line);
        true
    }

    fn replace(&self, lines: &[u8]) -> bool {
        *self.own.lock().unwrap() = lines.to_vec();
        true
    }

    fn left_behind(&self) -> Vec<Vec<u8>> {
        take(&mut self.left_behind.lock().unwrap())
    }

    fn discard_left_behind(&self) {}
}
