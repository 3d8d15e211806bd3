//! Who is at the two ends of a connection.

use super::{Host, bytes};
use crate::abi::{self, EnvoyBuffer};
use fix_authz_core::contract::certificate::Certificate;
use fix_authz_core::contract::request::Peers;

impl Host<'_> {
    /// The client's address and port, known before its first byte.
    pub fn source(self) -> (String, u32) {
        self.address(abi::envoy_dynamic_module_callback_network_filter_get_remote_address)
    }

    /// Who is at the two ends.
    pub fn peers(self) -> Peers {
        let (principal, certificate) = self.certificate();
        Peers {
            source: self.source(),
            destination: self.address(abi::envoy_dynamic_module_callback_network_filter_get_local_address),
            principal,
            certificate,
        }
    }

    fn address(
        self,
        get: unsafe extern "C" fn(abi::FilterEnvoyPtr, *mut EnvoyBuffer, *mut u32) -> bool,
    ) -> (String, u32) {
        let (mut address, mut port) = (EnvoyBuffer::EMPTY, 0);
        // SAFETY: the pointer is the running hook's, and both places are ours.
        if !unsafe { get(self.raw, &raw mut address, &raw mut port) } {
            return (String::new(), 0);
        }
        // SAFETY: Envoy lends the address for the length of the hook.
        (String::from_utf8_lossy(unsafe { bytes(address) }).into_owned(), port)
    }

    /// The client's certificate, and the name in it: URI SAN, else DNS SAN, else subject.
    fn certificate(self) -> (String, Certificate) {
        use abi::{
            envoy_dynamic_module_callback_network_filter_get_attribute_string as get_attribute,
            envoy_dynamic_module_callback_network_filter_get_ssl_dns_sans as dns,
            envoy_dynamic_module_callback_network_filter_get_ssl_dns_sans_size as dns_size,
            envoy_dynamic_module_callback_network_filter_get_ssl_subject as get_subject,
            envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans as uri,
            envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans_size as uri_size,
        };
        let (mut subject, mut digest) = (EnvoyBuffer::EMPTY, EnvoyBuffer::EMPTY);
        // SAFETY: the pointer is the running hook's, and the places are ours.
        let (has_subject, has_digest) = unsafe {
            (
                get_subject(self.raw, &raw mut subject),
                get_attribute(self.raw, abi::PEER_CERTIFICATE_DIGEST, &raw mut digest),
            )
        };
        // SAFETY: Envoy lends the certificate's parts for the length of the hook.
        let lent = |buffer: EnvoyBuffer, there: bool| if there { unsafe { bytes(buffer) } } else { &[] };
        let (subject, digest) = (lent(subject, has_subject), lent(digest, has_digest));
        let (uris, names) = (self.list(uri_size, uri), self.list(dns_size, dns));
        let uris = || uris.iter().map(|uri| lent(*uri, true));
        let names = || names.iter().map(|name| lent(*name, true));
        let principal = uris().chain(names()).chain([subject]).find(|name| !name.is_empty());
        let principal = principal.map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default();
        (principal, Certificate::new(digest, uris(), names(), subject))
    }
}
