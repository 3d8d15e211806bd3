//! Many clients in one thread, led by lines on standard input; each command but `session` is answered by a line of JSON.
//!
//! | line | |
//! |---|---|
//! | `session COMPID TOKEN` | one more client, which does not begin yet |
//! | `logon WINDOW nothing\|order` | all that have not begun log on, so many at once; with `order` each then sends one |
//! | `pace MILLISECONDS` | from now on each live session sends an order so often, instead of Heartbeats |
//! | `probe UNIX_NS` | each sends an order now, then each 100 ms, until all have been logged out; times from `UNIX_NS` on |
//! | `leave` | all log out |
//!
//! It ends with its standard input. Sessions that do nothing else send a Heartbeat each 30 s.

use crate::fix::invalid;
use crate::member::{First, Member, State};
use crate::pace::{Pace, Words};
use crate::wire::{ROOM, Wire};
use crate::words::joined;
use mio::net::TcpStream;
use mio::{Events, Poll, Token, Waker};
use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// As 108 of their Logons says.
const HEARTBEAT: Duration = Duration::from_secs(30);
const PROBE: Duration = Duration::from_millis(100);
/// Logons of a whole crowd never take longer, nor the ends of its sessions.
const LOGON_PATIENCE: Duration = Duration::from_secs(240);
const END_PATIENCE: Duration = Duration::from_secs(20);
const LINES: Token = Token(usize::MAX);
const EVENTS: usize = 1024;

/// Connects to that port, as the lines say.
pub fn run(port: &str) -> io::Result<()> {
    let port: u16 = port.parse().map_err(|_| invalid(&format!("`{port}` is no port")))?;
    let poll = Poll::new()?;
    let lines = lines(&poll)?;
    let mut crowd = Crowd {
        poll,
        events: Events::with_capacity(EVENTS),
        room: vec![0; ROOM],
        venue: (Ipv4Addr::LOCALHOST, port).into(),
        members: Vec::new(),
        begun: 0,
        busy: 0,
        first: First::Nothing,
        pace: Pace::new(HEARTBEAT, Words::Heartbeat),
    };
    loop {
        match lines.try_recv() {
            Ok(line) => {
                if let Some(told) = crowd.obey(&line)? {
                    println!("{told}");
                    io::stdout().flush()?;
                }
            }
            Err(TryRecvError::Empty) => crowd.turn(None)?,
            Err(TryRecvError::Disconnected) => return Ok(()),
        }
    }
}

/// The lines of standard input; the poll wakes at each, and at their end.
fn lines(poll: &Poll) -> io::Result<Receiver<String>> {
    let waker = Waker::new(poll.registry(), LINES)?;
    let (give, take) = channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if give.send(line).is_err() || waker.wake().is_err() {
                break;
            }
        }
        drop(give);
        let _ = waker.wake();
    });
    Ok(take)
}

struct Crowd {
    poll: Poll,
    events: Events,
    room: Vec<u8>,
    venue: SocketAddr,
    members: Vec<Member>,
    /// How many of the members have begun: those that stand first.
    begun: usize,
    /// How many have begun and wait for the answer to their Logon or their first order.
    busy: usize,
    first: First,
    pace: Pace,
}

impl Crowd {
    fn obey(&mut self, line: &str) -> io::Result<Option<String>> {
        let words: Vec<&str> = line.split(' ').collect();
        match *words.as_slice() {
            ["session", comp_id, token] => {
                self.members.push(Member::new(comp_id, token));
                Ok(None)
            }
            ["logon", window, first] => self.log_on(number(window)? as usize, first).map(Some),
            ["pace", every] => self.set_pace(Duration::from_millis(number(every)?)).map(Some),
            ["probe", since] => self.probe(Duration::from_nanos(number(since)?)).map(Some),
            ["leave"] => self.leave().map(Some),
            // The line may hold a token.
            _ => Err(invalid("a line is no command")),
        }
    }

    fn log_on(&mut self, window: usize, first: &str) -> io::Result<String> {
        self.first = match first {
            "nothing" => First::Nothing,
            "order" => First::Order,
            _ => return Err(invalid("what comes first is `nothing` or `order`")),
        };
        let (from, started) = (self.begun, Instant::now());
        while self.begun < self.members.len() || self.busy > 0 {
            while self.busy < window.max(1) && self.begun < self.members.len() {
                self.begin()?;
            }
            self.turn(Some(started + LOGON_PATIENCE))?;
            if started.elapsed() > LOGON_PATIENCE {
                return Err(invalid(&format!("{} sessions wait for an answer", self.busy)));
            }
        }
        let elapsed = started.elapsed();
        let done = self.members.get(from..).unwrap_or_default();
        let ends = done.iter().filter_map(|member| member.end.as_ref());
        let why = ends.clone().next().map(|end| end.text.as_deref().unwrap_or("cut off"));
        Ok(format!(
            "{{\"elapsed_ns\":{},\"logons_ns\":[{}],\"firsts_ns\":[{}],\"refused\":{},\"why\":\"{}\"}}",
            elapsed.as_nanos(),
            joined(done.iter().filter_map(|member| member.logon)),
            joined(done.iter().filter_map(|member| member.first)),
            ends.count(),
            plain(why.unwrap_or_default()),
        ))
    }

    fn begin(&mut self) -> io::Result<()> {
        let Some(member) = self.members.get_mut(self.begun) else { return Ok(()) };
        let asked = Instant::now();
        let stream = TcpStream::connect(self.venue)?;
        member.log_on(Wire::new(stream, self.poll.registry(), Token(self.begun))?, asked);
        self.begun += 1;
        self.busy += 1;
        Ok(())
    }

    fn set_pace(&mut self, every: Duration) -> io::Result<String> {
        let live = self.live();
        self.pace = Pace::of(&live, every, Words::Order, Instant::now(), every);
        Ok(format!("{{\"sessions\":{}}}", live.len()))
    }

    fn probe(&mut self, since: Duration) -> io::Result<String> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let since = Instant::now().checked_sub(now.saturating_sub(since)).unwrap_or_else(Instant::now);
        self.pace = Pace::of(&self.live(), PROBE, Words::Order, Instant::now(), Duration::ZERO);
        self.until_over(since + END_PATIENCE)?;
        let ends: Vec<_> = self.members.iter().filter_map(|member| member.end.as_ref()).collect();
        let cut = ends.iter().filter(|end| end.text.is_none()).count();
        Ok(format!(
            "{{\"refused_ns\":[{}],\"cut\":{cut},\"live\":{},\"text\":\"{}\"}}",
            joined(ends.iter().map(|end| end.at.saturating_duration_since(since))),
            self.live().len(),
            plain(ends.iter().find_map(|end| end.text.as_deref()).unwrap_or_default()),
        ))
    }

    fn leave(&mut self) -> io::Result<String> {
        let live = self.live();
        for index in &live {
            if let Some(member) = self.members.get_mut(*index) {
                member.leave();
            }
        }
        self.until_over(Instant::now() + END_PATIENCE)?;
        Ok(format!("{{\"sessions\":{}}}", live.len()))
    }

    fn until_over(&mut self, deadline: Instant) -> io::Result<()> {
        while Instant::now() < deadline && self.members.iter().any(|member| member.wire.is_some()) {
            self.turn(Some(deadline))?;
        }
        Ok(())
    }

    fn live(&self) -> Vec<usize> {
        let all = self.members.iter().enumerate();
        all.filter(|(_, member)| member.state == State::Live).map(|(index, _)| index).collect()
    }

    /// Waits for something to happen, and takes it; then for those whose turn it is.
    fn turn(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let next = [deadline, self.pace.next()].into_iter().flatten().min();
        let wait = next.map(|at| at.saturating_duration_since(Instant::now()));
        match self.poll.poll(&mut self.events, wait) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        for event in &self.events {
            let index = event.token().0;
            let Some(member) = self.members.get_mut(index) else { continue };
            let was_busy = is_busy(member.state);
            member.event(event.is_writable(), self.first, &mut self.room);
            if was_busy && !is_busy(member.state) {
                self.busy -= 1;
                self.pace.join(index, Instant::now());
            }
        }
        self.speak();
        Ok(())
    }

    fn speak(&mut self) {
        let now = Instant::now();
        while let Some(index) = self.pace.due(now) {
            match (self.members.get_mut(index), self.pace.words) {
                (Some(member), _) if member.state != State::Live => {}
                (Some(member), Words::Heartbeat) => member.heartbeat(),
                (Some(member), Words::Order) => member.order(),
                (None, _) => {}
            }
        }
    }
}

fn is_busy(state: State) -> bool {
    matches!(state, State::LoggingOn | State::Ordering)
}

fn number(text: &str) -> io::Result<u64> {
    text.parse().map_err(|_| invalid("a number of a command is none"))
}

/// Fit for a string of JSON.
fn plain(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') && !matches!(c, '"' | '\\') { c } else { '?' }).collect()
}
