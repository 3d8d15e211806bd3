//! Every hook, as Envoy calls them, on a played Envoy; Miri watches the pointers.

use crate::bootstrap::*;
use crate::fake::{Envoy, LISTENERS_TOLD, MAIN_WAKES, Main, SCHEDULERS, WAKES};
use crate::*;
use fix_authz_core::contract::wire::{CheckResponse, HeaderValue, HeaderValueOption, OkHttpResponse, Status};
use fix_authz_core::stats::{REPORTS_WAITING, ReportCounter};
use fix_authz_core::testing::{fix, show};
use std::ffi::c_void;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn lend(bytes: &[u8]) -> EnvoyBuffer {
    EnvoyBuffer { ptr: bytes.as_ptr().cast(), length: bytes.len() }
}

/// A connection: Envoy's side, and ours.
struct Connection {
    envoy: *mut Envoy,
    config: Option<abi::ConfigModulePtr>,
    filter: FilterModulePtr,
}

impl Connection {
    fn open(json: &str) -> Option<Self> {
        let envoy = Box::into_raw(Box::<Envoy>::default());
        // SAFETY: as Envoy calls them.
        unsafe {
            let json = json.as_bytes().to_vec();
            let config = envoy_dynamic_module_on_network_filter_config_new(
                std::ptr::null_mut(),
                EnvoyBuffer::EMPTY,
                lend(&json),
            );
            drop(json);
            if config.is_null() {
                drop(Box::from_raw(envoy));
                return None;
            }
            Some(Self::of(config, Some(config), envoy))
        }
    }

    /// # Safety
    /// The configuration must be alive; the one that is `owned` goes with the connection.
    unsafe fn of(
        config: abi::ConfigModulePtr,
        owned: Option<abi::ConfigModulePtr>,
        envoy: *mut Envoy,
    ) -> Self {
        // SAFETY: as Envoy calls them.
        unsafe {
            let filter = envoy_dynamic_module_on_network_filter_new(config, envoy.cast());
            let connection = Self { envoy, config: owned, filter };
            envoy_dynamic_module_on_network_filter_new_connection(connection.raw(), filter);
            connection
        }
    }

    /// Another connection to the same listener.
    fn beside(&self) -> Self {
        // SAFETY: this one's configuration lives.
        unsafe { Self::of(self.config.unwrap(), None, Box::into_raw(Box::<Envoy>::default())) }
    }

    fn hang_up(&self) {
        // SAFETY: as Envoy calls it.
        unsafe { envoy_dynamic_module_on_network_filter_event(self.raw(), self.filter, abi::REMOTE_CLOSE) };
    }

    fn raw(&self) -> *mut c_void {
        self.envoy.cast()
    }

    fn envoy(&mut self) -> &mut Envoy {
        // SAFETY: no hook is running.
        unsafe { &mut *self.envoy }
    }

    fn bytes(&mut self, inbound: bool, chunks: &[&[u8]], end: bool) {
        let place = usize::from(!inbound);
        self.envoy().buffers[place] = chunks.iter().map(|chunk| chunk.to_vec()).collect();
        let length = chunks.iter().map(|chunk| chunk.len()).sum();
        // SAFETY: as Envoy calls them.
        let status = unsafe {
            if inbound {
                envoy_dynamic_module_on_network_filter_read(self.raw(), self.filter, length, end)
            } else {
                envoy_dynamic_module_on_network_filter_write(self.raw(), self.filter, length, end)
            }
        };
        let envoy = self.envoy();
        let left = std::mem::take(&mut envoy.buffers[place]).concat();
        if status == abi::CONTINUE {
            envoy.sent[place].extend(left);
        } else {
            assert!(left.is_empty(), "neither passed on nor drained");
        }
    }

    fn answer(&mut self, call: u64, status: &str, body: &[u8]) {
        self.answer_with(call, &[(":status", status)], body);
    }

    fn answer_with(&mut self, call: u64, headers: &[(&str, &str)], body: &[u8]) {
        answered_with(headers, body, |headers, chunks| {
            // SAFETY: as Envoy calls it; all that is lent goes when the hook has returned.
            unsafe {
                envoy_dynamic_module_on_network_filter_http_callout_done(
                    self.raw(),
                    self.filter,
                    call,
                    abi::SUCCESS,
                    headers.as_ptr(),
                    headers.len(),
                    chunks.as_ptr(),
                    chunks.len(),
                );
            }
        });
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: as Envoy calls them, the configuration first, as it may.
        unsafe {
            self.config
                .into_iter()
                .for_each(|config| envoy_dynamic_module_on_network_filter_config_destroy(config));
            envoy_dynamic_module_on_network_filter_event(self.raw(), self.filter, abi::REMOTE_CLOSE);
            envoy_dynamic_module_on_network_filter_destroy(self.filter);
            drop(Box::from_raw(self.envoy));
        }
    }
}

/// The process: Envoy's main thread, and our bootstrap extension.
struct Process {
    main: *mut Main,
    config: abi::BootstrapModulePtr,
    extension: abi::BootstrapModulePtr,
}

impl Process {
    fn start() -> Self {
        let main = Box::into_raw(Box::<Main>::default());
        // SAFETY: as Envoy calls them.
        unsafe {
            let config = envoy_dynamic_module_on_bootstrap_extension_config_new(
                main.cast(),
                EnvoyBuffer::EMPTY,
                EnvoyBuffer::EMPTY,
            );
            let extension = envoy_dynamic_module_on_bootstrap_extension_new(config, main.cast());
            Self { main, config, extension }
        }
    }

    fn raw(&self) -> *mut c_void {
        self.main.cast()
    }

    fn main(&mut self) -> &mut Main {
        // SAFETY: no hook is running.
        unsafe { &mut *self.main }
    }

    fn scheduled(&self, event: u64) {
        // SAFETY: as Envoy calls it.
        unsafe {
            envoy_dynamic_module_on_bootstrap_extension_config_scheduled(self.raw(), self.config, event)
        };
    }

    fn timer_fired(&self) {
        // SAFETY: as Envoy calls it.
        unsafe {
            envoy_dynamic_module_on_bootstrap_extension_timer_fired(
                self.raw(),
                self.config,
                std::ptr::null_mut(),
            )
        };
    }

    fn answer(&self, call: u64, status: &str, body: &[u8]) {
        self.answer_with(call, &[(":status", status)], body);
    }

    fn answer_with(&self, call: u64, headers: &[(&str, &str)], body: &[u8]) {
        answered_with(headers, body, |headers, chunks| {
            // SAFETY: as Envoy calls it; all that is lent goes when the hook has returned.
            unsafe {
                envoy_dynamic_module_on_bootstrap_extension_http_callout_done(
                    self.raw(),
                    self.config,
                    call,
                    abi::SUCCESS,
                    headers.as_ptr(),
                    headers.len(),
                    chunks.as_ptr(),
                    chunks.len(),
                );
            }
        });
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SAFETY: as Envoy calls them.
        unsafe {
            envoy_dynamic_module_on_bootstrap_extension_destroy(self.extension);
            envoy_dynamic_module_on_bootstrap_extension_config_destroy(self.config);
            drop(Box::from_raw(self.main));
        }
    }
}

/// Lends an answer to `hook`.
fn answered_with(
    headers: &[(&str, &str)],
    body: &[u8],
    hook: impl FnOnce(&[EnvoyHttpHeader], &[EnvoyBuffer]),
) {
    let headers: Vec<(Vec<u8>, Vec<u8>)> =
        headers.iter().map(|(key, value)| (key.as_bytes().to_vec(), value.as_bytes().to_vec())).collect();
    let lent: Vec<EnvoyHttpHeader> = headers
        .iter()
        .map(|(key, value)| EnvoyHttpHeader {
            key_ptr: key.as_ptr().cast(),
            key_length: key.len(),
            value_ptr: value.as_ptr().cast(),
            value_length: value.len(),
        })
        .collect();
    let (head, tail) = body.split_at(body.len() / 2);
    let (head, tail) = (head.to_vec(), tail.to_vec());
    hook(&lent, &[lend(&head), EnvoyBuffer::EMPTY, lend(&tail)]);
}

/// What Envoy itself answers to a gRPC call, in the place of the service.
fn own(words: &str) -> [(&'static str, &str); 3] {
    [(":status", "200"), ("grpc-status", "14"), ("grpc-message", words)]
}

const TIMEOUT: &str = "upstream request timeout";

fn allowed() -> Vec<u8> {
    let header = HeaderValue { key: "x-fix-action".into(), value: "forward".into() };
    let headers = vec![HeaderValueOption { header: Some(header) }];
    fix_authz_core::contract::grpc::frame(&CheckResponse {
        status: Some(Status { code: 0 }),
        ok_response: Some(OkHttpResponse { headers }),
        ..Default::default()
    })
}

const SETTINGS: &str = r#"{"check":{"cluster":"authz"},"limits":{"logon_timeout_ms":100}}"#;
/// No timer of a connection's fires meanwhile.
const PATIENT: &str = r#"{"check":{"cluster":"authz"},"limits":{"logon_timeout_ms":600000}}"#;
const IDS: &str = "49=A|56=B|52=T|";

/// Envoy drains, then stops: the session ends, and Envoy hears when all have.
fn the_end_of_the_process() {
    let mut done = false;
    unsafe extern "C" fn complete(context: *mut c_void) {
        // SAFETY: what was handed in with it.
        unsafe { context.cast::<bool>().write(true) };
    }
    let mut process = Process::start();
    assert!(process.main().ready);
    let (raw, extension) = (process.raw(), process.extension);
    // SAFETY: as Envoy calls them.
    unsafe {
        let refused = b"{\"spread_ms\":1}".to_vec();
        let none =
            envoy_dynamic_module_on_bootstrap_extension_config_new(raw, EnvoyBuffer::EMPTY, lend(&refused));
        assert!(none.is_null());
        let mut connection = Connection::open(SETTINGS).unwrap();
        assert!(connection.envoy().gauges.values().any(|level| *level == 1));
        envoy_dynamic_module_on_bootstrap_extension_drain_started(raw, extension);
        envoy_dynamic_module_on_network_filter_scheduled(connection.raw(), connection.filter, 0);
        assert_eq!(
            connection.envoy().closed.as_deref(),
            Some("fix_authz: session ended, the gateway drains")
        );
        assert!(connection.envoy().gauges.values().all(|level| *level == 0));
        let mut late = Connection::open(SETTINGS).unwrap();
        assert!(late.envoy().closed.is_some());
        let context = (&raw mut done).cast();
        envoy_dynamic_module_on_bootstrap_extension_shutdown(raw, extension, complete, context);
        assert_eq!(MAIN_WAKES.load(Ordering::SeqCst), 0, "a connection is left");
        drop((connection, late));
        while MAIN_WAKES.load(Ordering::SeqCst) == 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
        process.scheduled(0);
    }
    assert!(done);
    assert!(Connection::open(SETTINGS).is_none(), "no report could be sent");
}

/// Envoy changes one of two listeners, and then takes it away: only its connections end.
fn the_end_of_a_listener() {
    // No timer wakes anybody meanwhile.
    const OTHER: &str = r#"{"check":{"cluster":"authz"},"limits":{"logon_timeout_ms":600000}}"#;
    const OF_FIX: &str = r#"{"check":{"cluster":"authz"},"limits":{"logon_timeout_ms":600000},
        "drain":{"listener":"fix"}}"#;
    let drained = Some("fix_authz: session ended, the gateway drains");
    let process = Process::start();
    let (raw, config, extension) = (process.raw(), process.config, process.extension);
    // SAFETY: as Envoy calls them.
    unsafe {
        let (mut first, mut other) = (Connection::open(OF_FIX).unwrap(), Connection::open(OTHER).unwrap());
        envoy_dynamic_module_on_bootstrap_extension_server_initialized(raw, extension);
        assert_eq!(MAIN_WAKES.swap(0, Ordering::SeqCst), 1);
        process.scheduled(1);
        assert_eq!(LISTENERS_TOLD.load(Ordering::SeqCst), 1);

        let mut second = Connection::open(OF_FIX).unwrap();
        let name = b"fix".to_vec();
        let woken = WAKES.load(Ordering::SeqCst);
        envoy_dynamic_module_on_bootstrap_extension_listener_add_or_update(raw, config, lend(&name));
        assert_eq!(WAKES.load(Ordering::SeqCst), woken + 1);
        for connection in [&first, &second, &other] {
            envoy_dynamic_module_on_network_filter_scheduled(connection.raw(), connection.filter, 0);
        }
        assert_eq!(first.envoy().closed.as_deref(), drained);
        assert_eq!((second.envoy().closed.as_deref(), other.envoy().closed.as_deref()), (None, None));
        assert_eq!(first.beside().envoy().closed.as_deref(), drained);
        drop(first);

        envoy_dynamic_module_on_bootstrap_extension_listener_removal(raw, config, lend(&name));
        for connection in [&second, &other] {
            envoy_dynamic_module_on_network_filter_scheduled(connection.raw(), connection.filter, 0);
        }
        assert_eq!((second.envoy().closed.as_deref(), other.envoy().closed.as_deref()), (drained, None));
    }
}

/// A report outlives its connection, and is sent until the service accepts it.
fn a_report_of_a_connection_that_is_gone(process: &mut Process) {
    MAIN_WAKES.store(0, Ordering::SeqCst);
    *process.main() = Main::default();
    let mut connection = Connection::open(SETTINGS).unwrap();
    connection.bytes(true, &[b"nonsense"], false);
    assert!(connection.envoy().closed.is_some() && connection.envoy().calls.is_empty());
    drop(connection);
    assert_eq!(MAIN_WAKES.swap(0, Ordering::SeqCst), 1);
    process.main().cut_off = Some(process.config);
    process.scheduled(2);
    process.main().cut_off = None;
    let waiting = REPORTS_WAITING.len();
    assert_eq!((process.main().gauges[&waiting], process.main().timed), (1, 1));
    let sent = |process: &mut Process| {
        let before = process.main().calls.len();
        while process.main().calls.len() == before {
            std::thread::sleep(Duration::from_millis(20));
            process.timer_fired();
        }
        u64::try_from(before + 1).unwrap()
    };
    for (status, body) in [("503", b"".to_vec()), ("200", b"".to_vec()), ("200", b"nonsense".to_vec())] {
        let call = sent(process);
        process.answer(call, status, &body);
        process.answer(call, status, &allowed());
        assert_eq!(process.main().gauges[&waiting], 1, "{status}");
    }
    let call = sent(process);
    let calls = &process.main().calls;
    assert!(calls.iter().all(|body| *body == calls[0]), "every retry is the same report");
    process.answer(call, "200", &allowed());
    let main = process.main();
    let count =
        |counter: ReportCounter| main.counters.get(&counter.name().len()).copied().unwrap_or_default();
    assert_eq!((main.gauges[&waiting], count(ReportCounter::Accepted)), (0, 1));
}

/// Reads of many slices: what passes goes on in order, together with what the gateway says in between.
fn reads_of_many_slices(connection: &mut Connection) {
    let news = |seq: usize| fix("FIX.4.4", &format!("35=0|34={seq}|{IDS}112=news|"));
    let order = |seq: usize| fix("FIX.4.4", &format!("35=D|34={seq}|{IDS}11=b|"));
    for denied in [usize::MAX, 3, 14] {
        let messages: Vec<Vec<u8>> =
            (10..30).map(|seq| if seq - 10 == denied { order(seq) } else { news(seq) }).collect();
        let bytes = messages.concat();
        for size in [1, 7, 50, 64, 333, bytes.len() - 3] {
            // Miri is a thousand times slower.
            if cfg!(miri) && size < 64 {
                continue;
            }
            let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
            connection.envoy().sent[0].clear();
            connection.bytes(true, &chunks, false);
            let sent = std::mem::take(&mut connection.envoy().sent[0]);
            // The order cannot be asked about: a TestRequest stands in its place.
            let numbers: Vec<String> = show(&sent)
                .split("8=FIX")
                .skip(1)
                .map(|message| message.split("|34=").nth(1).unwrap().split('|').next().unwrap().to_owned())
                .collect();
            let expected: Vec<String> = (10..30).map(|seq: usize| seq.to_string()).collect();
            assert_eq!(numbers, expected, "{denied} {size}");
            assert_eq!(sent == bytes, denied == usize::MAX, "{denied} {size}");
        }
    }
}

/// The connection closes while the first of many bytes go on: what Envoy lent is gone, and is not read any more.
fn a_close_in_the_middle(connection: &mut Connection) {
    let text = "x".repeat(8 * 1_024);
    let news = |seq: usize| fix("FIX.4.4", &format!("35=0|34={seq}|{IDS}112={text}|"));
    let messages: Vec<Vec<u8>> = (100..120).map(news).collect();
    let slices: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    connection.envoy().closes = Some(connection.filter);
    connection.envoy().sent[0].clear();
    connection.bytes(true, &slices, false);
    let sent = std::mem::take(&mut connection.envoy().sent[0]);
    assert!(!sent.is_empty() && messages.concat().starts_with(&sent) && sent.len() < messages.concat().len());
}

/// A client that does not take its last bytes is not waited for.
fn a_close_that_cannot_be_flushed() {
    const BRIEF: &str = r#"{"check":{"cluster":"authz"},"limits":{"logout_timeout_ms":300}}"#;
    let mut connection = Connection::open(BRIEF).unwrap();
    let ticked = |connection: &mut Connection| {
        // SAFETY: as Envoy calls it.
        unsafe { envoy_dynamic_module_on_network_filter_scheduled(connection.raw(), connection.filter, 0) };
        connection.envoy().closed_at_once
    };
    connection.bytes(true, &[], true);
    assert_eq!(connection.envoy().closed.as_deref(), Some("fix_authz: the client left without a Logon"));
    assert!(!ticked(&mut connection));
    std::thread::sleep(Duration::from_millis(400));
    assert!(ticked(&mut connection));
    connection.hang_up();
    connection.envoy().closed_at_once = false;
    assert!(!ticked(&mut connection));
}

/// A service whose calls and whose health question time out is not called, until it answers.
fn a_service_that_answers_nothing(process: &mut Process) {
    *process.main() = Main::default();
    MAIN_WAKES.store(0, Ordering::SeqCst);
    let mut connection = Connection::open(PATIENT).unwrap();
    let logon = fix("FIX.4.4", &format!("35=A|34=1|{IDS}98=0|108=30|554=tok|"));
    connection.bytes(true, &[&logon], false);
    connection.answer(1, "200", &allowed());
    let mut seq = 1;
    let mut order = |connection: &mut Connection| {
        seq += 1;
        connection.bytes(true, &[&fix("FIX.4.4", &format!("35=D|34={seq}|{IDS}11=a|"))], false);
        (connection.envoy().calls.len() as u64, format!("|35=1|34={seq}|"))
    };
    let probes = |process: &mut Process| process.main().calls.iter().filter(|body| ***body == [0; 5]).count();
    for nth in 0..8 {
        let (call, denied) = order(&mut connection);
        assert_eq!((call, MAIN_WAKES.load(Ordering::SeqCst)), (nth + 2, 0));
        connection.answer_with(call, &own(TIMEOUT), b"");
        assert!(show(&connection.envoy().sent[0]).contains(&denied));
    }
    assert_eq!(MAIN_WAKES.load(Ordering::SeqCst), 1);
    process.scheduled(2);
    assert_eq!(probes(process), 1);
    let (call, _) = order(&mut connection);
    assert_eq!(call, 10, "calls go on until the question has timed out");
    process.answer_with(1, &own(TIMEOUT), b"");
    let (call, denied) = order(&mut connection);
    assert_eq!(call, 10, "no call is made");
    connection.answer_with(10, &own(TIMEOUT), b"");
    assert!(show(&connection.envoy().sent[0]).contains(&denied));
    while probes(process) < 2 {
        std::thread::sleep(Duration::from_millis(20));
        process.timer_fired();
    }
    process.answer(2, "200", b"");
    assert_eq!(order(&mut connection).0, 11);
    connection.answer(11, "200", &allowed());
}

/// One test: the timer's thread and its counts are the process's.
#[test]
fn all_hooks_keep_to_what_envoy_lends() {
    assert!(Connection::open(SETTINGS).is_none(), "no report could be sent");
    let mut process = Process::start();
    assert!(Connection::open("{").is_none());
    let mut connection = Connection::open(SETTINGS).unwrap();
    let logon = fix("FIX.4.4", &format!("35=A|34=1|{IDS}98=0|108=30|554=tok|"));
    let (head, tail) = logon.split_at(30);
    connection.bytes(true, &[head], false);
    connection.bytes(true, &[tail], false);
    assert_eq!(connection.envoy().calls.len(), 1);
    connection.answer(99, "200", &allowed());
    connection.answer(1, "200", &allowed());
    assert_eq!(show(&connection.envoy().sent[0]).matches("35=A").count(), 1);
    connection.bytes(false, &[&fix("FIX.4.4", "35=A|34=1|49=B|56=A|98=0|108=30|")], false);
    let order = fix("FIX.4.4", &format!("35=D|34=2|{IDS}11=a|"));
    connection.bytes(true, &[&order[..7], &[], &order[7..]], false);
    connection.answer(2, "503", b"");
    assert!(show(&connection.envoy().sent[0]).contains("|35=1|34=2|"));
    connection.envoy().cut_off = true;
    connection.bytes(true, &[&fix("FIX.4.4", &format!("35=D|34=3|{IDS}11=b|"))], false);
    assert!(show(&connection.envoy().sent[0]).contains("|35=1|34=3|"));
    reads_of_many_slices(&mut connection);
    let mut another = Connection::open(SETTINGS).unwrap();
    another.bytes(true, &[&logon], false);
    another.answer(1, "200", &allowed());
    a_close_in_the_middle(&mut another);
    drop(another);
    // What came before a violation has gone on when that closes the connection.
    let last = fix("FIX.4.4", &format!("35=0|34=4|{IDS}"));
    let unnumbered = fix("FIX.4.4", &format!("35=0|34=0|{IDS}"));
    connection.bytes(true, &[&last, &unnumbered], false);
    assert!(connection.envoy().sent[0].ends_with(&last));
    connection.bytes(false, &[], true);
    // SAFETY: as Envoy calls it.
    unsafe { envoy_dynamic_module_on_network_filter_scheduled(connection.raw(), connection.filter, 0) };
    assert!(connection.envoy().closed.is_some());
    drop(connection);

    let holder =
        Connection::open(r#"{"check":{"cluster":"authz"},"limits":{"pending_connections_per_address":1}}"#)
            .unwrap();
    let mut refused = holder.beside();
    let mut next = holder.beside();
    for connection in [&mut refused, &mut next] {
        let why = connection.envoy().closed.as_deref();
        assert_eq!(why, Some("fix_authz: too many connections without a Logon"));
    }
    holder.hang_up();
    assert_eq!(holder.beside().envoy().closed, None);
    drop((refused, next, holder));

    let silent = Connection::open(SETTINGS).unwrap();
    while WAKES.load(Ordering::SeqCst) == 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    // SAFETY: as Envoy calls it.
    unsafe { envoy_dynamic_module_on_network_filter_scheduled(silent.raw(), silent.filter, 0) };
    drop(silent);
    a_close_that_cannot_be_flushed();
    process.scheduled(2);
    (1..=process.main().calls.len()).for_each(|call| process.answer(call as u64, "200", &allowed()));
    a_report_of_a_connection_that_is_gone(&mut process);
    a_service_that_answers_nothing(&mut process);
    drop(process);

    MAIN_WAKES.store(0, Ordering::SeqCst);
    the_end_of_a_listener();
    the_end_of_the_process();
    assert_eq!(SCHEDULERS.load(Ordering::SeqCst), 0, "a waker outlives its filter");
}
