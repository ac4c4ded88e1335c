//! What lies in `deploy/` and `docs/` says the same as the program.
#![cfg(unix)]

mod common;

use std::{collections::BTreeMap, fs, path::PathBuf};

use common::{hallway, output};
use regex::Regex;

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
