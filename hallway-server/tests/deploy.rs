//! What lies in `deploy/` and `docs/` says the same as the program.
#![cfg(unix)]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use common::{Running, exchange, hallway, output};
use regex::Regex;
use serde_json::Value;

/// A file of the project.
fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).expect(name)
}

/// What `check` prints, with this file of settings.
async fn checked(file: Option<PathBuf>) -> String {
    let mut command = hallway(&["check"]);
    // The level of the log is a setting like the others here.
    command.env_remove("RUST_LOG").args(file.iter().flat_map(|file| ["--config".as_ref(), file.as_os_str()]));
    let output = output(command).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The settings of the example file, each with its value: "#" and a name, where a comment has a space between them.
fn example() -> BTreeMap<String, String> {
    let line = Regex::new(r"(?m)^#?([a-z-]+) = (.+)$").expect("an expression");
    line.captures_iter(&read("deploy/hallway.toml"))
        .map(|found| (found[1].to_owned(), found[2].to_owned()))
        .collect()
}

#[tokio::test]
async fn the_example_of_settings_is_valid_and_changes_nothing() {
    assert_eq!(checked(Some(path("deploy/hallway.toml"))).await, checked(None).await);
}

#[tokio::test]
async fn the_example_of_settings_has_every_setting_with_its_default() {
    let line = Regex::new(r"(?m)^(?:# )?([a-z-]+) (?:is not set|= (.+) # default)$").expect("an expression");
    let printed = checked(None).await;
    let settings: BTreeMap<_, _> =
        line.captures_iter(&printed).map(|found| (found[1].to_owned(), found.get(2))).collect();
    assert_eq!(settings.len(), printed.lines().count(), "{printed}");
    let example = example();
    assert_eq!(example.keys().collect::<Vec<_>>(), settings.keys().collect::<Vec<_>>());
    for (name, default) in settings {
        let default = default.map(|default| default.as_str()).filter(|default| *default != "[]");
        assert!(default.is_none_or(|default| example[&name] == default), "{name} = {}", example[&name]);
    }
}

#[tokio::test]
async fn every_value_in_the_example_of_settings_is_valid() {
    let all: Vec<_> = example().iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let file =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("example-{}.toml", std::process::id()));
    fs::write(&file, all.join("\n")).expect("written");
    let printed = checked(Some(file.clone())).await;
    fs::remove_file(file).expect("removed");
    for line in all {
        assert!(printed.contains(&format!("{line} # file\n")), "{line}: {printed}");
    }
}

/// What `/metrics` shows.
struct Page(String);

impl Page {
    async fn of_a_server() -> Self {
        let server = Running::start(hallway(&["--listen", "127.0.0.1:0"])).await;
        Self(exchange(server.address, "GET /metrics HTTP/1.1\r\nHost: hallway.example\r\n\r\n").await.body)
    }

    /// The type of each metric.
    fn types(&self) -> BTreeMap<String, String> {
        let line = Regex::new(r"(?m)^# TYPE (\w+) (\w+)$").expect("an expression");
        line.captures_iter(&self.0).map(|found| (found[1].to_owned(), found[2].to_owned())).collect()
    }

    /// The label of each metric that has one, with all values; without what belongs to a histogram.
    fn labels(&self) -> BTreeMap<(String, String), BTreeSet<String>> {
        let line = Regex::new(r#"(?m)^(hallway_\w+)\{(\w+)="([^"]*)"\} "#).expect("an expression");
        let mut labels = BTreeMap::<_, BTreeSet<_>>::new();
        for found in line.captures_iter(&self.0).filter(|found| &found[2] != "le") {
            labels.entry((found[1].to_owned(), found[2].to_owned())).or_default().insert(found[3].to_owned());
        }
        labels
    }

    /// Asserts that a text names metrics, and all of them are there.
    fn has_all_of(&self, text: &str) {
        let series = Regex::new(r"(?m)^\w+").expect("an expression");
        let series: BTreeSet<_> = series.find_iter(&self.0).map(|found| found.as_str()).collect();
        let name = Regex::new(r"\b(?:hallway|process)_\w+").expect("an expression");
        let named: BTreeSet<_> = name.find_iter(text).map(|found| found.as_str()).collect();
        let unknown: Vec<_> = named.difference(&series).collect();
        assert!(!named.is_empty() && unknown.is_empty(), "{unknown:?} of {named:?}");
    }
}

/// The rows of a document's tables whose first cell is code, in the section of this heading; without the quotes.
fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let section = document.split("\n## ").find(|section| section.starts_with(heading)).expect(heading);
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect())
        .collect()
}

#[tokio::test]
async fn the_table_of_metrics_has_all_that_are_shown_and_no_others() {
    let page = Page::of_a_server().await;
    let rows = table(&read("docs/metrics.md"), "# Metrics");
    let written: BTreeMap<_, _> = rows.iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    assert_eq!(written.len(), rows.len(), "each is there once");
    let mut shown = page.types();
    shown.retain(|name, _| name.starts_with("hallway_"));
    assert_eq!(written, shown);

    let with_label = rows.iter().filter(|row| row[3] != "–").map(|row| (row[0].clone(), row[3].clone()));
    assert_eq!(with_label.collect::<BTreeSet<_>>(), page.labels().into_keys().collect());
}

#[tokio::test]
async fn the_tables_of_labels_have_all_values_and_no_others() {
    let page = Page::of_a_server().await;
    let document = read("docs/metrics.md");
    let mut labels = page.labels();
    // Its values are the versions there will be.
    labels.remove(&("hallway_build_info".to_owned(), "version".to_owned()));
    for ((metric, label), values) in labels {
        let rows = table(&document, &format!("`{label}` of `{metric}`"));
        let written: BTreeSet<_> = rows.into_iter().map(|mut row| row.remove(0)).collect();
        assert_eq!(written, values, "{metric}");
    }
}

#[tokio::test]
async fn every_metric_says_what_it_is() {
    let page = Page::of_a_server().await;
    let mut types = page.types();
    types.retain(|name, _| !page.0.contains(&format!("# HELP {name} ")));
    assert_eq!(types, BTreeMap::new());
}

#[tokio::test]
async fn the_alerts_watch_only_metrics_there_are_and_are_all_explained() {
    let text = read("deploy/alerts.yml");
    Page::of_a_server().await.has_all_of(&text);
    let alert = Regex::new(r"- alert: (\w+)").expect("an expression");
    let alerts: Vec<_> = alert.captures_iter(&text).map(|found| found[1].to_owned()).collect();
    let rows = table(&read("docs/metrics.md"), "Alerts");
    assert_eq!(rows.into_iter().map(|mut row| row.remove(0)).collect::<Vec<_>>(), alerts);
}

#[tokio::test]
async fn the_dashboard_shows_only_metrics_there_are() {
    let text = read("deploy/grafana.json");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut shown = panels.iter().filter(|panel| panel["type"] != "row");
    assert!(shown.all(|panel| panel["targets"][0]["expr"].is_string()));
    Page::of_a_server().await.has_all_of(&text);
}

#[test]
fn the_links_in_the_documents_lead_to_files() {
    let link = Regex::new(r"\]\(([^)#:]+)(?:#[^)]*)?\)").expect("an expression");
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "docs/metrics.md",
        "docs/operating.md",
        "docs/protocol.md",
        "docs/store.md",
        "hallway-server/web/README.md",
    ] {
        let text = read(name);
        let folder = path(name).parent().expect("a folder").to_owned();
        for found in link.captures_iter(&text) {
            assert!(folder.join(&found[1]).exists(), "{name}: {}", &found[1]);
        }
    }
}
