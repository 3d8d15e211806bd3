//! What the client's certificate says, as headers that cannot be misread.
//!
//! The names come from whoever asked for the certificate, so an entry that could pass for two, or for another, is left out:
//! one that is empty, holds a comma, or has a byte that is no visible ASCII (URI and DNS names have none, RFC 5280 4.2.1.6).

/// A client's certificate as the proxy saw it. Each part is empty where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of its DER form, 64 lower-case hexadecimal digits.
    sha256: String,
    /// Its URI names, separated by commas.
    uri_sans: String,
    /// Its DNS names, separated by commas.
    dns_sans: String,
    /// Its subject, as the proxy writes it.
    subject: String,
}

impl Certificate {
    /// The longest value of a header.
    const MAX: usize = 8_192;

    /// Takes what is sound of a certificate's parts.
    pub fn new<'a>(
        sha256: &[u8],
        uri_sans: impl Iterator<Item = &'a [u8]>,
        dns_sans: impl Iterator<Item = &'a [u8]>,
        subject: &[u8],
    ) -> Self {
        Self {
            sha256: digest(sha256),
            uri_sans: list(uri_sans),
            dns_sans: list(dns_sans),
            subject: line(subject),
        }
    }

    /// The headers, without those that have no value.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("x-fix-certificate-sha256", self.sha256.as_str()),
            ("x-fix-certificate-uri-sans", &self.uri_sans),
            ("x-fix-certificate-dns-sans", &self.dns_sans),
            ("x-fix-certificate-subject", &self.subject),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
    }
}

fn digest(hex: &[u8]) -> String {
    if hex.len() == 64 && hex.iter().all(u8::is_ascii_hexdigit) {
        hex.iter().map(|digit| char::from(digit.to_ascii_lowercase())).collect()
    } else {
        String::new()
    }
}

fn list<'a>(entries: impl Iterator<Item = &'a [u8]>) -> String {
    let sound = |entry: &&[u8]| {
        !entry.is_empty() && entry.iter().all(|byte| byte.is_ascii_graphic() && *byte != b',')
    };
    let mut list = String::new();
    for entry in entries.filter(sound) {
        if list.len() + 1 + entry.len() > Certificate::MAX {
            break;
        }
        if !list.is_empty() {
            list.push(',');
        }
        list.extend(entry.iter().map(|byte| char::from(*byte)));
    }
    list
}

/// A subject of several readings is none.
fn line(subject: &[u8]) -> String {
    match std::str::from_utf8(subject) {
        Ok(text) if text.len() <= Certificate::MAX && !text.contains(char::is_control) => text.to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sha256: &[u8], uris: &[&[u8]], dns: &[&[u8]], subject: &[u8]) -> String {
        let certificate = Certificate::new(sha256, uris.iter().copied(), dns.iter().copied(), subject);
        let lines: Vec<String> = certificate
            .headers()
            .map(|(name, value)| format!("{}={value}", name.trim_start_matches("x-fix-certificate-")))
            .collect();
        lines.join(" | ")
    }

    #[test]
    fn is_told_whole() {
        let digest = "AB".repeat(32);
        assert_eq!(
            shown(
                digest.as_bytes(),
                &[b"spiffe://a/b", b"urn:x"],
                &[b"a.example"],
                "CN=caf\u{e9},O=x".as_bytes()
            ),
            format!(
                "sha256={} | uri-sans=spiffe://a/b,urn:x | dns-sans=a.example | subject=CN=caf\u{e9},O=x",
                digest.to_lowercase()
            )
        );
        assert_eq!(shown(b"", &[], &[], b""), "");
    }

    #[test]
    fn leaves_out_what_could_be_misread() {
        let odd: [&[u8]; 6] = [b"", b"spiffe://a,spiffe://b", b"a b", b"a\r\nb", b"\xc3\xa9", b"a\0"];
        assert_eq!(shown(b"", &odd, &odd, b""), "");
        assert_eq!(shown(b"", &[b"a,b", b"c"], &[], b""), "uri-sans=c");
        for digest in ["ab".repeat(31), "zz".repeat(32), "ab".repeat(33)] {
            assert_eq!(shown(digest.as_bytes(), &[], &[], b""), "");
        }
        for subject in [&b"CN=a\nb"[..], b"CN=\xff", &[b'x'; 9_000]] {
            assert_eq!(shown(b"", &[], &[], subject), "");
        }
    }

    #[test]
    fn is_bounded() {
        let many = vec![&[b'x'; 100][..]; 1_000];
        assert!(shown(b"", &many, &many, b"").len() < 3 * Certificate::MAX);
    }
}
