//! The chat page and its module, as they come out of the program.
//!
//! What they are made of lies in `web/`, to be read there: scripts and style sheet go out without comments and indentation, so
//! that these cost nobody anything.

use std::sync::LazyLock;

use crate::transport::File;

/// The file of this path, if there is one.
pub(crate) fn file(path: &str) -> Option<&'static File> {
    FILES.iter().find(|(known, _)| *known == path).map(|(_, file)| file)
}

/// Not before somebody asks for one: who serves no page has none of it in memory.
static FILES: LazyLock<[(&'static str, File); 11]> = LazyLock::new(|| {
    [
        ("/", File::new("text/html; charset=utf-8", PAGE_HEADERS, include_str!("../web/page/index.html"))),
        ("/hallway.js", script(MODULE_HEADERS, include_str!("../web/hallway.js"))),
        ("/page/page.css", style(PART_HEADERS, include_str!("../web/page/page.css"))),
        ("/page/main.js", script(PART_HEADERS, include_str!("../web/page/main.js"))),
        ("/page/timeline.js", script(PART_HEADERS, include_str!("../web/page/timeline.js"))),
        ("/page/rows.js", script(PART_HEADERS, include_str!("../web/page/rows.js"))),
        ("/page/lines.js", script(PART_HEADERS, include_str!("../web/page/lines.js"))),
        ("/page/links.js", script(PART_HEADERS, include_str!("../web/page/links.js"))),
        ("/page/composer.js", script(PART_HEADERS, include_str!("../web/page/composer.js"))),
        ("/page/place.js", script(PART_HEADERS, include_str!("../web/page/place.js"))),
        ("/page/strings.js", script(PART_HEADERS, include_str!("../web/page/strings.js"))),
    ]
});

/// What the page may do: load what is beside it, connect to where it is from, and have an icon in its text. Nobody else may
/// show it in a frame, nothing in it may be taken for markup, and where links lead is not told where they were.
const PAGE_HEADERS: &str = "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types 'none'\r\n\
    Referrer-Policy: no-referrer\r\n\
    Cross-Origin-Opener-Policy: same-origin\r\n";

/// Pages from elsewhere may load the module; whether they may connect is asked when they do.
const MODULE_HEADERS: &str =
    "Access-Control-Allow-Origin: *\r\nCross-Origin-Resource-Policy: cross-origin\r\n";

/// The page's own parts are for it alone.
const PART_HEADERS: &str = "Cross-Origin-Resource-Policy: same-origin\r\n";

fn script(headers: &'static str, source: &str) -> File {
    let minified = minifier::js::minify(source).map(|minified| minified.to_string());
    File::new("text/javascript; charset=utf-8", headers, minified.unwrap_or_else(|_| source.to_owned()))
}

fn style(headers: &'static str, source: &str) -> File {
    let minified = minifier::css::minify(source).map(|minified| minified.to_string());
    File::new("text/css; charset=utf-8", headers, minified.unwrap_or_else(|_| source.to_owned()))
}
