//! Which addresses are spoken to. Whoever may make a webhook may name any address, and must not reach by us what they cannot reach
//! by themselves: what is on this machine, in the networks around it, or at a cloud's own services (SSRF).
//!
//! What may be spoken to is said twice: of the address as it is written, and of what its name stands for when it is used. The
//! connection then goes to that very number, so a name that stands for something else a moment later does not help.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Longest address of a webhook.
const LONGEST: usize = 2_048;

/// Which addresses may be spoken to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Hosts, or `*.host` for all below one but not itself; empty: every public one.
    pub allowed_hosts: Vec<String>,
    /// Whether numbers may be spoken to that are not on the public internet.
    pub allow_private: bool,
    /// Whether `http` may be, where everybody on the way reads along.
    pub allow_http: bool,
}

/// Why an address is not spoken to. The texts are for whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// It is no address.
    #[error("is not an address: {0}")]
    Unsound(String),
    /// It is too long.
    #[error("may have {LONGEST} characters at most")]
    TooLong,
    /// It begins with something else.
    #[error("must begin with {0}")]
    Scheme(&'static str),
    /// There is a user or a password in it.
    #[error("may have no user and no password in it")]
    Credentials,
    /// There is a `#` in it.
    #[error("may have no fragment (#...)")]
    Fragment,
    /// Port 0 is none.
    #[error("names port 0, which nobody listens on")]
    Port,
    /// The host is none of those that are allowed.
    #[error("names the host {0}, which is none of those that are allowed here")]
    Host(String),
    /// It is, or stands for, a number that is not public.
    #[error("leads to {0}, which is not on the public internet")]
    Private(String),
}

impl Policy {
    /// The address, if it may be spoken to as it is written.
    ///
    /// # Errors
    /// Why it may not.
    pub fn check(&self, url: &str) -> Result<Url, TargetError> {
        if url.len() > LONGEST {
            return Err(TargetError::TooLong);
        }
        let url = Url::parse(url).map_err(|why| TargetError::Unsound(why.to_string()))?;
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            _ if self.allow_http => return Err(TargetError::Scheme("https:// or http://")),
            _ => return Err(TargetError::Scheme("https://")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        if url.fragment().is_some() {
            return Err(TargetError::Fragment);
        }
        if url.port() == Some(0) {
            return Err(TargetError::Port);
        }
        let host = match url.host() {
            None => return Err(TargetError::Unsound("it has no host".to_owned())),
            Some(Host::Ipv4(ip)) => {
                self.check_ip(ip.into())?;
                ip.to_string()
            }
            Some(Host::Ipv6(ip)) => {
                self.check_ip(ip.into())?;
                ip.to_string()
            }
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                if !self.allow_private && (name == "localhost" || name.ends_with(".localhost")) {
                    return Err(TargetError::Private(name.to_owned()));
                }
                name.to_owned()
            }
        };
        if self.allowed_hosts.is_empty() || self.allowed_hosts.iter().any(|allowed| matches(allowed, &host)) {
            Ok(url)
        } else {
            Err(TargetError::Host(host))
        }
    }

    /// Whether this number may be spoken to.
    ///
    /// # Errors
    /// [`TargetError::Private`].
    pub fn check_ip(&self, ip: IpAddr) -> Result<(), TargetError> {
        let public = match ip {
            IpAddr::V4(ip) => is_public_v4(ip),
            IpAddr::V6(ip) => is_public_v6(ip),
        };
        if public || self.allow_private { Ok(()) } else { Err(TargetError::Private(ip.to_string())) }
    }
}

/// Hosts of addresses are in lower case already.
fn matches(allowed: &str, host: &str) -> bool {
    let allowed = allowed.trim().trim_end_matches('.').to_ascii_lowercase();
    match allowed.strip_prefix("*.") {
        Some(above) => host.strip_suffix(above).is_some_and(|below| below.len() > 1 && below.ends_with('.')),
        None => host == allowed.trim_matches(['[', ']']),
    }
}

/// IANA's registry of special-purpose IPv4 addresses: all but what is reachable by everybody.
#[allow(clippy::unnested_or_patterns, reason = "one for each kind, as in the registry")]
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !matches!(
        (a, b, c),
        // This network; private; this machine.
        (0 | 10 | 127, _, _)
            // Carrier-grade NAT.
            | (100, 64..=127, _)
            // Link-local: there clouds tell machines their credentials.
            | (169, 254, _)
            // Private.
            | (172, 16..=31, _) | (192, 168, _)
            // Of the IETF; documentation; relays of 6to4.
            | (192, 0, 0 | 2) | (192, 88, 99)
            // Measurements; documentation.
            | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113)
            // Multicast; reserved; everybody.
            | (224..=255, _, _)
    )
}

/// Only what is given out as global unicast (2000::/3), without what is special in there. All else is not public: this machine,
/// IPv4 in other clothes (`::ffff:0:0/96`, `64:ff9b::/96`), `fc00::/7`, `fe80::/10`, multicast.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    let special = match a {
        // Of the IETF (2001::/23, with Teredo); documentation.
        0x2001 => b < 0x200 || b == 0xdb8,
        // 6to4, which has an IPv4 address in it.
        0x2002 => true,
        // Documentation.
        0x3fff => b < 0x1000,
        _ => false,
    };
    a & 0xe000 == 0x2000 && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(policy: &Policy, url: &str) -> TargetError {
        match policy.check(url) {
            Ok(url) => panic!("{url} is let through"),
            Err(error) => error,
        }
    }

    #[test]
    fn a_public_address_is_let_through() {
        let policy = Policy::default();
        for url in [
            "https://hooks.example.org/a?b=c",
            "https://example.org:8443/",
            "https://8.8.8.8/x",
            "https://[2606:4700::1111]/",
            "https://xn--mnchen-3ya.example/",
            "https://127.0.0.1.example.org/",
        ] {
            assert!(policy.check(url).is_ok(), "{url}: {:?}", policy.check(url));
        }
    }

    #[test]
    fn an_address_that_is_not_public_is_refused_however_it_is_spelled() {
        let policy = Policy { allow_http: true, ..Policy::default() };
        for host in [
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "0x7f000001",
            "2130706433",
            "017700000001",
            "127.0.0.1.",
            "１２７.0.0.1",
            "0",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.254",
            "169.254.169.254",
            "192.0.0.8",
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.9",
            "198.18.0.1",
            "192.88.99.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:8.8.8.8]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b:1::1]",
            "[2002:7f00:1::]",
            "[fe80::1]",
            "[fc00::1]",
            "[fd12:3456::1]",
            "[ff02::1]",
            "[2001:db8::1]",
            "[2001::1]",
            "[2001:10::1]",
            "[3fff::1]",
            "[100::1]",
            "[5f00::1]",
        ] {
            let error = refused(&policy, &format!("http://{host}/x"));
            assert!(matches!(error, TargetError::Private(_)), "{host}: {error}");
        }
    }

    #[test]
    fn the_edges_of_what_is_not_public_are_public() {
        let policy = Policy::default();
        for ip in [
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.88.98.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2003::1",
            "3fff:1000::1",
        ] {
            assert_eq!(policy.check_ip(ip.parse().unwrap()), Ok(()), "{ip}");
        }
    }

    #[test]
    fn an_address_that_makes_no_sense_here_is_refused_with_the_reason() {
        let policy = Policy::default();
        let kind = |url: &str| refused(&policy, url);
        assert_eq!(kind("http://example.org/"), TargetError::Scheme("https://"));
        assert_eq!(kind("ftp://example.org/"), TargetError::Scheme("https://"));
        assert_eq!(kind("file:///etc/passwd"), TargetError::Scheme("https://"));
        assert_eq!(kind("https://user:pass@example.org/"), TargetError::Credentials);
        assert_eq!(kind("https://user@example.org/"), TargetError::Credentials);
        assert_eq!(kind("https://example.org/#part"), TargetError::Fragment);
        assert_eq!(kind("https://example.org:0/"), TargetError::Port);
        assert_eq!(kind(&format!("https://example.org/{}", "a".repeat(LONGEST))), TargetError::TooLong);
        assert!(matches!(kind("example.org/hook"), TargetError::Unsound(_)));
        assert!(matches!(kind("https://"), TargetError::Unsound(_)));
        assert!(matches!(kind("https://exa mple.org/"), TargetError::Unsound(_)));
        assert!(matches!(kind(""), TargetError::Unsound(_)));
    }

    #[test]
    fn only_allowed_hosts_are_let_through_if_any_are_named() {
        let hosts = ["Hooks.example.org", "*.example.com", "1.1.1.1", "[2606:4700::1111]"];
        let policy = Policy { allowed_hosts: hosts.map(str::to_owned).to_vec(), ..Policy::default() };
        for url in [
            "https://hooks.example.org/",
            "https://HOOKS.example.org./",
            "https://a.example.com/",
            "https://a.b.example.com/",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/",
        ] {
            assert!(policy.check(url).is_ok(), "{url}");
        }
        for url in [
            "https://example.com/",
            "https://badexample.com/",
            "https://a.example.com.evil.org/",
            "https://hooks.example.org.evil.org/",
            "https://x.hooks.example.org/",
            "https://1.1.1.2/",
        ] {
            assert!(matches!(refused(&policy, url), TargetError::Host(_)), "{url}");
        }
        // A host that is allowed may still not be private.
        let policy = Policy { allowed_hosts: vec!["10.0.0.1".to_owned()], ..Policy::default() };
        assert!(matches!(refused(&policy, "https://10.0.0.1/"), TargetError::Private(_)));
    }

    #[test]
    fn what_is_private_is_let_through_where_that_is_allowed() {
        let policy = Policy { allow_private: true, allow_http: true, ..Policy::default() };
        for url in ["http://127.0.0.1:8000/", "http://localhost/", "https://[::1]/", "http://10.0.0.1/"] {
            assert!(policy.check(url).is_ok(), "{url}");
        }
        assert_eq!(refused(&policy, "ftp://localhost/"), TargetError::Scheme("https:// or http://"));
    }
}
