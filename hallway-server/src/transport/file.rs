//! A file that is served: as it is or compressed, and not at all to who has it already.

use std::{
    hash::{DefaultHasher, Hasher},
    io::Write,
};

use flate2::{Compression, write::GzEncoder};

use super::{
    answer::{Answer, readable},
    head::RequestHead,
};

/// A file in the program's memory, ready to be sent.
///
/// Whoever has it asks again each time (`Cache-Control: no-cache`) and is told with a few bytes that nothing has changed
/// (RFC 9110 section 13.1.2), so that another version of it is seen at the next load.
///
/// ```
/// use std::sync::LazyLock;
///
/// use hallway_server::transport::{Answer, File, RequestHead};
///
/// static ROBOTS: LazyLock<File> =
///     LazyLock::new(|| File::new("text/plain", &[("X-Robots-Tag", "none")], "User-agent: *\nDisallow: /\n"));
///
/// fn route(head: &RequestHead) -> Answer {
///     match head.path() {
///         "/robots.txt" => ROBOTS.answer(head),
///         _ => Answer::NotFound,
///     }
/// }
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    media_type: &'static str,
    headers: &'static [(&'static str, &'static str)],
    plain: Form,
    gzip: Form,
}

/// The bytes that go out, and what they are recognised by.
#[derive(Debug, PartialEq, Eq)]
struct Form {
    bytes: Vec<u8>,
    /// With its quotes.
    entity_tag: String,
}

impl Form {
    fn of(bytes: Vec<u8>) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(&bytes);
        let entity_tag = format!("\"{:016x}\"", hasher.finish());
        Self { bytes, entity_tag }
    }
}

impl File {
    /// A file of this media type, sent with these further headers. Compresses it: some 20 KiB a millisecond.
    #[must_use]
    pub fn new(
        media_type: &'static str,
        headers: &'static [(&'static str, &'static str)],
        content: impl Into<Vec<u8>>,
    ) -> Self {
        let content = content.into();
        let gzip = Form::of(compressed(&content));
        Self { media_type, headers, plain: Form::of(content), gzip }
    }

    /// What a request for it is answered with.
    #[must_use]
    pub fn answer(&'static self, head: &RequestHead) -> Answer {
        if let Err(answer) = readable(head) {
            return answer;
        }
        let selected = Representation::of(self, accepts_gzip(head));
        if has_already(head, &selected.form().entity_tag) {
            Answer::NotModified(selected)
        } else {
            Answer::File(selected)
        }
    }
}

fn compressed(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).and_then(|()| encoder.finish()).expect("writing to memory does not fail")
}

/// The representation of a [`File`] that was selected for a client (RFC 9110 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Representation {
    file: &'static File,
    is_gzip: bool,
}

impl Representation {
    pub(super) fn of(file: &'static File, is_gzip: bool) -> Self {
        Self { file, is_gzip }
    }

    pub(super) fn media_type(self) -> &'static str {
        self.file.media_type
    }

    pub(super) fn bytes(self) -> &'static [u8] {
        &self.form().bytes
    }

    /// Header lines, each with its end; those that say how the content is written only `with_content`.
    pub(super) fn headers(self, with_content: bool) -> String {
        let coding = if self.is_gzip && with_content { "Content-Encoding: gzip\r\n" } else { "" };
        let tag = &self.form().entity_tag;
        let mut lines =
            format!("{coding}ETag: {tag}\r\nCache-Control: no-cache\r\nVary: Accept-Encoding\r\n");
        for (name, value) in self.file.headers {
            lines.extend([name, ": ", value, "\r\n"]);
        }
        lines
    }

    fn form(self) -> &'static Form {
        if self.is_gzip { &self.file.gzip } else { &self.file.plain }
    }
}

/// RFC 9110 section 12.5.3: what is named counts, also where `*` says otherwise; a weight of 0, or one that cannot be read, is a
/// refusal. Of what else is accepted nothing is known here, so that no weight is weighed against another.
fn accepts_gzip(head: &RequestHead) -> bool {
    let mut others = false;
    for item in head.items("Accept-Encoding") {
        let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
        let is_accepted = !parameters.split(';').any(is_refusal);
        match coding.trim() {
            "*" => others = is_accepted,
            coding if ["gzip", "x-gzip"].iter().any(|known| known.eq_ignore_ascii_case(coding)) => {
                return is_accepted;
            }
            _ => {}
        }
    }
    others
}

fn is_refusal(parameter: &str) -> bool {
    let (name, weight) = parameter.split_once('=').unwrap_or((parameter, ""));
    name.trim().eq_ignore_ascii_case("q") && !weight.trim().parse().is_ok_and(|weight: f32| weight > 0.0)
}

/// Compared weakly (RFC 9110 section 8.8.3.2): a proxy that compresses by itself weakens the tag.
fn has_already(head: &RequestHead, entity_tag: &str) -> bool {
    let opaque = |known| str::strip_prefix(known, "W/").unwrap_or(known);
    head.items("If-None-Match").any(|known| known == "*" || opaque(known) == entity_tag)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static FILE: LazyLock<File> =
        LazyLock::new(|| File::new("text/plain", &[("X", "y")], "word ".repeat(1_000)));

    /// What a request with these header lines gets.
    async fn asked(headers: &str) -> Answer {
        let request = format!("GET / HTTP/1.1\r\nHost: h\r\n{headers}\r\n");
        FILE.answer(&RequestHead::read(&mut request.as_bytes()).await.unwrap())
    }

    #[tokio::test]
    async fn it_is_compressed_for_who_accepts_that_and_for_nobody_else() {
        for (accepted, is_gzip) in [
            ("", false),
            ("Accept-Encoding: gzip, deflate, br, zstd\r\n", true),
            ("Accept-Encoding: GZip\r\n", true),
            ("Accept-Encoding: x-gzip\r\n", true),
            ("Accept-Encoding: br;q=1, gzip;q=0.001\r\n", true),
            ("Accept-Encoding: gzip;q=0\r\n", false),
            ("Accept-Encoding: gzip ; Q=0.0\r\n", false),
            ("Accept-Encoding: gzip;q=much\r\n", false),
            ("Accept-Encoding: gzip;q\r\n", false),
            ("Accept-Encoding: gzip;level=9\r\n", true),
            ("Accept-Encoding: *\r\n", true),
            ("Accept-Encoding: *, gzip;q=0\r\n", false),
            ("Accept-Encoding: *;q=0\r\n", false),
            ("Accept-Encoding: *;q=0, gzip\r\n", true),
            ("Accept-Encoding: identity\r\n", false),
            ("Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n", true),
            ("Accept-Encoding: gzipped\r\n", false),
        ] {
            let expected = Answer::File(Representation::of(&FILE, is_gzip));
            assert_eq!(asked(accepted).await, expected, "{accepted}");
        }
    }

    #[tokio::test]
    async fn who_has_it_already_is_told_so_and_who_has_another_form_is_not() {
        let (plain, gzip) = (&FILE.plain.entity_tag, &FILE.gzip.entity_tag);
        for (known, is_known) in [
            (plain.clone(), true),
            (format!("W/{plain}"), true),
            (format!("\"another\", {plain}"), true),
            ("*".to_owned(), true),
            (format!("W/W/{plain}"), false),
            (gzip.clone(), false),
            (plain.trim_matches('"').to_owned(), false),
            ("\"another\"".to_owned(), false),
        ] {
            let answer = asked(&format!("If-None-Match: {known}\r\n")).await;
            assert_eq!(matches!(answer, Answer::NotModified(_)), is_known, "{known}");
        }
        let answer = asked(&format!("If-None-Match: {gzip}\r\nAccept-Encoding: gzip\r\n")).await;
        assert_eq!(answer, Answer::NotModified(Representation::of(&FILE, true)));
    }

    #[test]
    fn what_differs_has_another_tag() {
        let other = File::new("text/plain", &[("X", "y")], "word ".repeat(1_001));
        assert_ne!(FILE.plain.entity_tag, other.plain.entity_tag);
    }
}
