//! The bootstrap extension: a network filter hears nothing of a drain, a stop or a listener's change, a bootstrap
//! extension does.
//!
//! Envoy runs these hooks on its main thread. It waits with its exit until the shutdown's completion is called, and works on
//! meanwhile; so a thread of ours waits for the sessions, and the completion is called back on the main thread.

use crate::abi::{BootstrapEnvoyPtr, BootstrapModulePtr, Completion, EnvoyBuffer, EnvoyHttpHeader, TimerPtr};
use crate::host::{self, MainHost, MainThread};
use crate::reports::{self, Sender};
use crate::{answer_of, life};
use fix_authz_core::session::Departure;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the main thread is called for: the sessions have ended.
const ENDED: u64 = 0;
/// The same: it can be asked to tell of listeners.
const READY: u64 = 1;

/// The extension: one a process.
struct Extension {
    main: Arc<MainThread>,
    /// Sends reports; `None` once Envoy has ended.
    sender: Mutex<Option<Sender>>,
    /// What Envoy waits for: one for each time that it was told to stop.
    completions: Mutex<Vec<Awaited>>,
}

/// A function of Envoy's, and its context.
struct Awaited {
    completion: Completion,
    context: *mut c_void,
}

// SAFETY: nothing but the main thread calls it; others only keep it.
unsafe impl Send for Awaited {}

impl Extension {
    fn waited_for(&self) -> MutexGuard<'_, Vec<Awaited>> {
        // Sound after every statement.
        self.completions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn complete(&self) {
        let completions = std::mem::take(&mut *self.waited_for());
        for Awaited { completion, context } in completions {
            // SAFETY: Envoy's function and its context, once, on the main thread.
            unsafe { completion(context) };
        }
    }

    /// Has the sender do something, on the main thread. Where Envoy calls back before a call of the sender's returns, the
    /// sender is busy, and what it calls back about is no business of its: that call has no id yet.
    fn with_sender(&self, act: impl FnOnce(&mut Sender)) {
        if let Ok(mut sender) = self.sender.try_lock()
            && let Some(sender) = &mut *sender
        {
            let _ = catch_unwind(AssertUnwindSafe(|| act(sender)));
        }
    }
}

/// Makes the extension; null refuses its configuration, and Envoy does not start.
///
/// # Safety
/// Called by Envoy with buffers that it lends for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_config_new(
    config: BootstrapEnvoyPtr,
    _name: EnvoyBuffer,
    settings: EnvoyBuffer,
) -> BootstrapModulePtr {
    // SAFETY: Envoy lends the settings for the call.
    let settings = unsafe { host::bytes(settings) };
    if !matches!(settings, b"" | b"{}") {
        host::log_error(
            "extension_config: there is nothing to set here; leave it out, `drain` is in filter_config",
        );
        return std::ptr::null();
    }
    // SAFETY: the pointer is this hook's.
    let host = unsafe { MainHost::new(config) };
    host.signal_ready();
    let main = Arc::new(host.main_thread());
    let Some(sender) = Sender::new(host, Arc::clone(&main)) else {
        host::log_error("a metric of the reports cannot be defined");
        return std::ptr::null();
    };
    let (sender, completions) = (Mutex::new(Some(sender)), Mutex::default());
    Arc::into_raw(Arc::new(Extension { main, sender, completions })).cast()
}

/// # Safety
/// Called by Envoy with what `…_config_new` returned, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_config_destroy(
    config: BootstrapModulePtr,
) {
    // SAFETY: the count that `…_config_new` gave away comes back.
    let extension = unsafe { Arc::from_raw(config.cast::<Extension>()) };
    // The timer must go on this thread, and the extension may live on in another.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        reports::end();
        if let Ok(mut sender) = extension.sender.try_lock() {
            *sender = None;
        }
    }));
}

/// # Safety
/// Called by Envoy with what `…_config_new` returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_new(
    config: BootstrapModulePtr,
    _extension: BootstrapEnvoyPtr,
) -> BootstrapModulePtr {
    let config = config.cast::<Extension>();
    // SAFETY: Envoy keeps the configuration alive; the extension gets a count of its own.
    unsafe { Arc::increment_strong_count(config) };
    config.cast()
}

/// # Safety
/// Called by Envoy with what `…_extension_new` returned, once, and last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_destroy(extension: BootstrapModulePtr) {
    // SAFETY: the count that `…_extension_new` gave away comes back.
    drop(unsafe { Arc::from_raw(extension.cast::<Extension>()) });
}

/// Envoy drains: on an operator's order, or because another takes over.
///
/// # Safety
/// Called by Envoy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_drain_started(
    _envoy: BootstrapEnvoyPtr,
    _extension: BootstrapModulePtr,
) {
    let _ = catch_unwind(|| life::depart(Departure::Drain));
}

/// Envoy was told to stop, and does when `completion` was called.
///
/// # Safety
/// Called by Envoy with what `…_extension_new` returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_shutdown(
    _envoy: BootstrapEnvoyPtr,
    extension: BootstrapModulePtr,
    completion: Completion,
    context: *mut c_void,
) {
    let extension = extension.cast::<Extension>();
    // SAFETY: Envoy keeps the extension alive for the call; the thread gets a count of its own.
    let extension = unsafe {
        Arc::increment_strong_count(extension);
        Arc::from_raw(extension)
    };
    extension.waited_for().push(Awaited { completion, context });
    let waiting = Arc::clone(&extension);
    let started = catch_unwind(AssertUnwindSafe(|| {
        life::depart(Departure::Stop);
        std::thread::Builder::new().spawn(move || {
            let _ = catch_unwind(life::wait_for_the_last);
            let _ = catch_unwind(reports::wait_for_the_last);
            waiting.main.call(ENDED);
        })
    }));
    if !matches!(started, Ok(Ok(_))) {
        extension.complete();
    }
}

/// Envoy has its listeners. That it is to tell of them is asked for with the configuration's pointer, which comes next.
///
/// # Safety
/// Called by Envoy with what `…_extension_new` returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_server_initialized(
    _envoy: BootstrapEnvoyPtr,
    extension: BootstrapModulePtr,
) {
    // SAFETY: Envoy keeps the extension alive for the call.
    unsafe { &*extension.cast::<Extension>() }.main.call(READY);
}

/// A listener, or a change of it, is in force.
///
/// # Safety
/// Called by Envoy with a name that it lends for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_listener_add_or_update(
    _envoy: BootstrapEnvoyPtr,
    _config: BootstrapModulePtr,
    name: EnvoyBuffer,
) {
    // SAFETY: Envoy lends the name for the call.
    let name = String::from_utf8_lossy(unsafe { host::bytes(name) });
    let _ = catch_unwind(|| life::listener_changed(&name));
}

/// A listener is taken away.
///
/// # Safety
/// Called by Envoy with a name that it lends for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_listener_removal(
    _envoy: BootstrapEnvoyPtr,
    _config: BootstrapModulePtr,
    name: EnvoyBuffer,
) {
    // SAFETY: Envoy lends the name for the call.
    let name = String::from_utf8_lossy(unsafe { host::bytes(name) });
    let _ = catch_unwind(|| life::listener_removed(&name));
}

/// What the main thread was called for.
///
/// # Safety
/// Called by Envoy, on its main thread, with what `…_config_new` returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_config_scheduled(
    envoy: BootstrapEnvoyPtr,
    config: BootstrapModulePtr,
    event: u64,
) {
    // SAFETY: Envoy keeps the configuration alive for the call, and the pointer is this hook's.
    let (extension, host) = unsafe { (&*config.cast::<Extension>(), MainHost::new(envoy)) };
    match event {
        READY => {
            let _ = catch_unwind(life::listeners_settled);
            host.hear_of_listeners();
        }
        reports::PUT => extension.with_sender(|sender| sender.send(host)),
        _ => {
            reports::end();
            extension.complete();
        }
    }
}

/// The timer of the reports fired.
///
/// # Safety
/// Called by Envoy, on its main thread, with what `…_config_new` returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_timer_fired(
    envoy: BootstrapEnvoyPtr,
    config: BootstrapModulePtr,
    _timer: TimerPtr,
) {
    // SAFETY: Envoy keeps the configuration alive for the call, and the pointer is this hook's.
    let (extension, host) = unsafe { (&*config.cast::<Extension>(), MainHost::new(envoy)) };
    extension.with_sender(|sender| sender.send(host));
}

/// A call of the main thread's has ended.
///
/// # Safety
/// Called by Envoy, on its main thread, with what `…_config_new` returned, and headers and chunks that it lends for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_http_callout_done(
    envoy: BootstrapEnvoyPtr,
    config: BootstrapModulePtr,
    callout: u64,
    result: u32,
    headers: *const EnvoyHttpHeader,
    headers_size: usize,
    chunks: *const EnvoyBuffer,
    chunks_size: usize,
) {
    // SAFETY: Envoy keeps the configuration alive for the call, and the pointer is this hook's.
    let (extension, host) = unsafe { (&*config.cast::<Extension>(), MainHost::new(envoy)) };
    // SAFETY: Envoy lends headers and chunks for the call.
    let answer = unsafe { answer_of(result, headers, headers_size, chunks, chunks_size) };
    let answer = answer.as_deref().map_err(|failure| *failure);
    extension.with_sender(|sender| sender.done(host, callout, answer));
}

/// Hooks that Envoy asks for and has no cause to call, or that matter to nobody here. Their arguments are the caller's to
/// clean up, and so need no names.
macro_rules! unheeded {
    ($($name:ident)*) => {
        $(
            /// Nothing follows from it.
            #[unsafe(no_mangle)]
            pub extern "C" fn $name() {}
        )*
    };
}

unheeded! {
    envoy_dynamic_module_on_bootstrap_extension_worker_thread_initialized
    envoy_dynamic_module_on_bootstrap_extension_file_changed
    envoy_dynamic_module_on_bootstrap_extension_cluster_add_or_update
    envoy_dynamic_module_on_bootstrap_extension_cluster_removal
}

/// No page of the admin interface is ours.
#[unsafe(no_mangle)]
pub extern "C" fn envoy_dynamic_module_on_bootstrap_extension_admin_request() -> u32 {
    404
}
