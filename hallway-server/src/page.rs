//! The chat page and its module, as they come out of the program.
//!
//! What they are made of lies in `web/`, to be read there. It goes out as four files: a browser opens a connection for each, and
//! each counts for the limit of connections from one address. Comments and indentation stay here. The minifier is not trusted:
//! `web/test/module/served.test.js` compares what goes out with what lies there, as syntax trees.

use std::sync::LazyLock;

use crate::transport::File;

/// The file of this path, if there is one.
pub(crate) fn file(path: &str) -> Option<&'static File> {
    FILES.iter().find(|(known, _)| *known == path).map(|(_, file)| &**file)
}

/// Each is made ready when somebody asks for it first, which takes a millisecond.
static FILES: [(&str, LazyLock<File>); 4] = [
    (
        "/",
        LazyLock::new(|| File::new("text/html; charset=utf-8", PAGE, include_str!("../web/page/index.html"))),
    ),
    ("/page/page.css", LazyLock::new(|| style(include_str!("../web/page/page.css")))),
    ("/page/page.js", LazyLock::new(|| script(PART, &in_one(SCRIPTS)))),
    ("/hallway.js", LazyLock::new(|| script(MODULE, include_str!("../web/hallway.js")))),
];

/// The page's scripts, each behind those that it imports.
const SCRIPTS: [&str; 10] = [
    include_str!("../web/page/strings.js"),
    include_str!("../web/page/fault.js"),
    include_str!("../web/page/links.js"),
    include_str!("../web/page/lines.js"),
    include_str!("../web/page/rows.js"),
    include_str!("../web/page/edges.js"),
    include_str!("../web/page/timeline.js"),
    include_str!("../web/page/composer.js"),
    include_str!("../web/page/place.js"),
    include_str!("../web/page/main.js"),
];

/// What the page may do: load what is beside it, connect to where it is from, and have an icon in its text. Nobody else may
/// show it in a frame, nothing in it may be taken for markup, and where links lead is not told where they were.
const PAGE: &[(&str, &str)] = &[
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("Referrer-Policy", "no-referrer"),
];

/// Pages from elsewhere may load the module; whether they may connect is asked when they do.
const MODULE: &[(&str, &str)] =
    &[("Access-Control-Allow-Origin", "*"), ("Cross-Origin-Resource-Policy", "cross-origin")];

/// The page's own parts are for it alone.
const PART: &[(&str, &str)] = &[("Cross-Origin-Resource-Policy", "same-origin")];

/// Modules that import each other as the one module that they are together: without these imports, a line each, and without
/// the word `export`. No two of them may call two things by one name; a browser would refuse the whole.
fn in_one(modules: [&str; SCRIPTS.len()]) -> String {
    let lines = modules.into_iter().flat_map(str::lines);
    lines
        .filter(|line| !(line.starts_with("import ") && line.contains(" from './")))
        .flat_map(|line| [line.strip_prefix("export ").unwrap_or(line), "\n"])
        .collect()
}

fn script(headers: &'static [(&str, &str)], source: &str) -> File {
    let minified = minifier::js::minify(source).expect("our own scripts are read by it");
    File::new("text/javascript; charset=utf-8", headers, minified.to_string())
}

fn style(source: &str) -> File {
    let minified = minifier::css::minify(source).expect("our own style sheet is read by it");
    File::new("text/css; charset=utf-8", PART, minified.to_string())
}
