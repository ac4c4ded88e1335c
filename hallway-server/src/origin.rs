//! Which web pages may connect.
//!
//! A browser lets any page open a WebSocket to any server and says in `Origin` which page it was (RFC 6455 section
//! 10.2). A program that is no browser sends none.

/// Which values of `Origin` are let in. A request without one always is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origins {
    /// Pages from the host and port that the request itself is for.
    #[default]
    SameHost,
    /// Exactly these, such as `https://chat.example.org`.
    Only(Vec<String>),
    /// Every page there is: whoever opens a foreign page connects with that page's script.
    Any,
}

impl Origins {
    /// `origin` and `host` are the values of the request's headers of these names.
    pub(crate) fn allow(&self, origin: Option<&str>, host: &str) -> bool {
        let Some(origin) = origin else { return true };
        match self {
            Self::Any => true,
            Self::Only(list) => list.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)),
            Self::SameHost => match origin.split_once("://") {
                Some((scheme, authority)) => {
                    let port = default_port(scheme);
                    without(authority, port).eq_ignore_ascii_case(without(host, port))
                }
                // "null": a page from a file or a sandbox.
                None => false,
            },
        }
    }
}

fn default_port(scheme: &str) -> &'static str {
    if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" }
}

fn without<'a>(authority: &'a str, port: &str) -> &'a str {
    authority.strip_suffix(port).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_a_page_of_the_same_host_and_port_is_let_in() {
        let origins = Origins::default();
        assert!(origins.allow(Some("http://chat.example:8080"), "chat.example:8080"));
        assert!(origins.allow(Some("https://Chat.Example"), "chat.example"));
        assert!(origins.allow(Some("https://chat.example"), "chat.example:443"));
        assert!(origins.allow(Some("http://[::1]:8080"), "[::1]:8080"));
    }

    #[test]
    fn by_default_a_page_of_another_host_or_port_is_not() {
        let origins = Origins::default();
        for origin in ["http://evil.example", "http://chat.example", "http://chat.example:80", "null", ""] {
            assert!(!origins.allow(Some(origin), "chat.example:8080"), "{origin}");
        }
        assert!(!origins.allow(Some("http://chat.example.evil"), "chat.example"));
    }

    #[test]
    fn a_client_that_is_no_browser_is_let_in() {
        assert!(Origins::Only(Vec::new()).allow(None, "chat.example"));
    }

    #[test]
    fn with_a_list_only_what_is_on_it_is_let_in() {
        let origins = Origins::Only(vec!["https://a.example".to_owned()]);
        assert!(origins.allow(Some("https://a.example"), "b.example"));
        assert!(!origins.allow(Some("https://b.example"), "b.example"));
    }
}
