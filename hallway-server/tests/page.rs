//! The chat page as it comes out of the server: what a browser is given, and what it is told to do with it.

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    net::SocketAddr,
};

use common::{Reply, Server, exchange, in_time, open};
use flate2::read::GzDecoder;
use regex::Regex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// All bytes of the page, its scripts, its style sheet and the module together, as they are sent to who accepts no coding.
const MAX_BYTES: usize = 60 << 10;

fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: hallway.example\r\n{headers}\r\n")
}

/// An answer whose content may be no text: its head, and that.
async fn fetch(address: SocketAddr, request: String) -> (Reply, Vec<u8>) {
    let mut stream = open(address).await;
    in_time(stream.write_all(request.as_bytes())).await.expect("sent");
    let mut bytes = Vec::new();
    in_time(stream.read_to_end(&mut bytes)).await.expect("an end without a reset");
    let end = 4 + bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("the end of a head");
    let content = bytes.split_off(end);
    (Reply::parse(&bytes), content)
}

/// The path that `reference` leads to from a file in `folder`.
fn resolved(folder: &str, reference: &str) -> String {
    match reference.strip_prefix("../") {
        Some(rest) => format!("/{rest}"),
        None => format!("{folder}{}", reference.trim_start_matches("./")),
    }
}

/// The page and all that it and its scripts name, as a browser without a cache loads it.
async fn loaded(address: SocketAddr) -> BTreeMap<String, Reply> {
    let reference = Regex::new(r#"(?:href|src)="([^":]+)"|\bfrom ?['"]([^'"]+)['"]"#).expect("an expression");
    let mut wanted = vec!["/".to_owned()];
    let mut replies = BTreeMap::new();
    while let Some(path) = wanted.pop() {
        if replies.contains_key(&path) {
            continue;
        }
        let reply = exchange(address, get(&path, "")).await;
        assert_eq!(reply.status, "200 OK", "{path}");
        let folder = &path[..=path.rfind('/').expect("an absolute path")];
        let named = reference.captures_iter(&reply.body).filter_map(|found| found.get(1).or(found.get(2)));
        wanted.extend(named.map(|found| resolved(folder, found.as_str())));
        replies.insert(path, reply);
    }
    replies
}

#[tokio::test]
async fn the_page_and_all_that_it_names_is_there_within_60_kib() {
    let server = Server::start().await;
    let replies = loaded(server.address).await;
    let paths: BTreeSet<_> = replies.keys().map(String::as_str).collect();
    // A browser has a connection for each, and each counts for the limit of one address.
    assert_eq!(paths, ["/", "/hallway.js", "/page/page.js", "/page/page.css"].into());
    let bytes: usize = replies.values().map(|reply| reply.body.len()).sum();
    assert!(bytes <= MAX_BYTES, "{bytes} bytes, allowed are {MAX_BYTES}");
    for (path, reply) in &replies {
        let expected = match path.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(reply.header("Content-Type"), Some(expected), "{path}");
        assert_eq!(reply.header("X-Content-Type-Options"), Some("nosniff"), "{path}");
    }
}

#[tokio::test]
async fn the_page_may_do_what_it_needs_and_nothing_else() {
    let server = Server::start().await;
    let page = exchange(server.address, get("/", "")).await;
    let policy = page.header("Content-Security-Policy").expect("a policy");
    let allowed: BTreeMap<_, _> =
        policy.split("; ").map(|directive| directive.split_once(' ').expect("a directive")).collect();
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    let expected = [
        ("default-src", "'none'"),
        ("script-src", "'self'"),
        ("style-src", "'self'"),
        ("connect-src", "'self'"),
        ("img-src", "data:"),
        ("base-uri", "'none'"),
        ("form-action", "'none'"),
        ("frame-ancestors", "'none'"),
        ("require-trusted-types-for", "'script'"),
        ("trusted-types", "'none'"),
    ];
    assert_eq!(allowed, expected.into());
    assert_eq!(page.header("Referrer-Policy"), Some("no-referrer"));
    // What the policy forbids is not in it either.
    for inline in ["<style", " style=", " onclick=", " onload=", "<script>"] {
        assert!(!page.body.contains(inline), "{inline}");
    }
}

#[tokio::test]
async fn each_file_is_compressed_for_who_accepts_that_and_is_the_same() {
    let server = Server::start().await;
    for (path, plain) in loaded(server.address).await {
        assert_eq!(plain.header("Content-Encoding"), None);
        let (head, content) = fetch(server.address, get(&path, "Accept-Encoding: gzip, br\r\n")).await;
        assert_eq!(head.header("Content-Encoding"), Some("gzip"), "{path}");
        assert_eq!(head.header("Content-Length"), Some(&*content.len().to_string()), "{path}");
        let mut text = String::new();
        GzDecoder::new(&*content).read_to_string(&mut text).unwrap();
        assert!(text == plain.body, "{path}");
        assert!(content.len() * 4 < text.len() * 3, "{path}: {} of {} bytes", content.len(), text.len());
        // It is sent with the same words, but for those about the form.
        let words = |reply: &Reply| -> Vec<_> {
            let about_form = ["Content-Encoding", "Content-Length", "ETag"];
            reply.headers.iter().filter(|(name, _)| !about_form.contains(&&**name)).cloned().collect()
        };
        assert_eq!(words(&head), words(&plain), "{path}");
        // A cache between keeps them apart.
        for reply in [&plain, &head] {
            assert_eq!(reply.header("Vary"), Some("Accept-Encoding"), "{path}");
        }
        assert_ne!(head.header("ETag"), plain.header("ETag"), "{path}");
    }
}

#[tokio::test]
async fn who_has_a_file_asks_again_and_is_told_that_nothing_has_changed() {
    let server = Server::start().await;
    for (path, reply) in loaded(server.address).await {
        assert_eq!(reply.header("Cache-Control"), Some("no-cache"), "{path}");
        let tag = reply.header("ETag").expect("a tag");
        let (head, content) = fetch(server.address, get(&path, &format!("If-None-Match: {tag}\r\n"))).await;
        assert_eq!((&*head.status, content), ("304 Not Modified", vec![]), "{path}");
        // What a 200 would have said of it (RFC 9110 section 15.4.5).
        for name in ["ETag", "Cache-Control", "Vary", "Content-Security-Policy"] {
            assert_eq!(head.header(name), reply.header(name), "{path}");
        }
        assert_eq!(head.header("Content-Length"), None, "{path}");
        let (head, _) = fetch(server.address, get(&path, "If-None-Match: \"another\"\r\n")).await;
        assert_eq!(head.status, "200 OK", "{path}");
    }
}

#[tokio::test]
async fn the_answer_to_head_says_what_get_would_bring() {
    let server = Server::start().await;
    for coding in ["", "Accept-Encoding: gzip\r\n"] {
        let get = get("/hallway.js", coding);
        let (full, _) = fetch(server.address, get.clone()).await;
        let (head, content) = fetch(server.address, get.replacen("GET", "HEAD", 1)).await;
        assert_eq!((head.status, head.headers, content), (full.status, full.headers, vec![]));
    }
}

#[tokio::test]
async fn the_module_is_for_pages_from_anywhere_and_the_parts_of_the_page_are_not() {
    let server = Server::start().await;
    let module = exchange(server.address, get("/hallway.js", "Origin: https://elsewhere.example\r\n")).await;
    assert_eq!(module.header("Access-Control-Allow-Origin"), Some("*"));
    assert_eq!(module.header("Cross-Origin-Resource-Policy"), Some("cross-origin"));
    let part = exchange(server.address, get("/page/page.js", "Origin: https://elsewhere.example\r\n")).await;
    assert_eq!(part.header("Access-Control-Allow-Origin"), None);
    assert_eq!(part.header("Cross-Origin-Resource-Policy"), Some("same-origin"));
}

#[tokio::test]
async fn a_server_without_the_page_has_none_of_it() {
    let with = Server::start().await;
    let without = Server::with(|_, server| server.page = false).await;
    for path in loaded(with.address).await.keys() {
        assert_eq!(exchange(without.address, get(path, "")).await.status, "404 Not Found", "{path}");
    }
    assert_eq!(exchange(without.address, get("/healthz", "")).await.status, "200 OK");
}

#[tokio::test]
async fn what_looks_like_a_file_of_the_page_and_is_none_is_404() {
    let server = Server::start().await;
    for path in [
        "/page",
        "/page/",
        "/page/../hallway.js",
        "/page/page.js/",
        "/page/PAGE.js",
        "/page/page%2ejs",
        "/page/main.js",
        "//hallway.js",
        "/hallway.js.map",
        "/hallway.d.ts",
        "/index.html",
    ] {
        let reply = exchange(server.address, get(path, "")).await;
        assert_eq!(reply.status, "404 Not Found", "{path}");
        assert_eq!(reply.header("Content-Type"), Some("text/plain; charset=utf-8"), "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let reply = exchange(server.address, get("/hallway.js", "").replacen("GET", method, 1)).await;
        assert_eq!((&*reply.status, reply.header("Allow")), ("405 Method Not Allowed", Some("GET, HEAD")));
    }
}
