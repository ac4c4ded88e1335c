//! Settings from the command line, the environment and a file.
#![cfg(unix)]

mod common;

use std::{fs, path::PathBuf};

use common::{hallway, one_line, output};

/// A file with this text, removed when it is dropped.
struct File(PathBuf);

impl File {
    fn with(text: &str) -> Self {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("settings-{}-{number}.toml", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, text).expect("written");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // Where it cannot be removed it is in the build's own folder.
        let _ = fs::remove_file(&self.0);
    }
}

/// The line of `check` about a setting.
async fn setting(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = hallway(&[&["check"], arguments].concat());
    command.envs(variables.iter().copied());
    let output = output(command).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let line = text.lines().find(|line| line.trim_start_matches("# ").starts_with(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("nothing about {name} in {text}")).to_owned()
}

#[tokio::test]
async fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let file = File::with("max-rooms = 3\n");
    let in_file = ["--config", file.path()];
    let variable = [("HALLWAY_MAX_ROOMS", "2")];
    let on_line = [&in_file[..], &["--max-rooms", "1"]].concat();
    assert_eq!(setting("max-rooms", &on_line, &variable).await, "max-rooms = 1 # command line");
    assert_eq!(setting("max-rooms", &in_file, &variable).await, "max-rooms = 2 # environment");
    assert_eq!(setting("max-rooms", &in_file, &[]).await, "max-rooms = 3 # file");
    assert_eq!(setting("max-rooms", &[], &[]).await, "max-rooms = 10000 # default");
}

#[tokio::test]
async fn the_file_can_be_named_in_the_environment_and_have_every_kind_of_value() {
    let file = File::with(
        "rate = 7\nping-after = 2.5\nlisten = \"[::1]:9000\"\nlog = \"json\"\nmax-per-ip = 5\n\
         no-page = true\nallow-origin = [\"https://a.example\", \"https://b.example\"]\ntrusted-proxy = \"10.0.0.0/8\"\n",
    );
    let variable = [("HALLWAY_CONFIG", file.path())];
    for line in [
        "rate = 7",
        "ping-after = 2.5",
        "listen = \"[::1]:9000\"",
        "log = \"json\"",
        "max-per-ip = 5",
        "no-page = true",
        "allow-origin = [\"https://a.example\", \"https://b.example\"]",
        "trusted-proxy = [\"10.0.0.0/8\"]",
    ] {
        let name = line.split(' ').next().unwrap();
        assert_eq!(setting(name, &[], &variable).await, format!("{line} # file"));
    }
}

#[tokio::test]
async fn what_is_either_so_or_not_may_be_given_alone_or_with_which() {
    for (arguments, variable, line) in [
        (&[][..], "", "no-page = false # default"),
        (&["--no-page"], "", "no-page = true # command line"),
        (&["--no-page=true"], "", "no-page = true # command line"),
        (&["--no-page=false"], "true", "no-page = false # command line"),
        (&[], "true", "no-page = true # environment"),
        (&[], "false", "no-page = false # environment"),
    ] {
        let set = setting("no-page", arguments, &[("HALLWAY_NO_PAGE", variable)]).await;
        assert_eq!(set, line, "{arguments:?} {variable}");
    }
    let line = one_line(&output(hallway(&["--no-page=perhaps"])).await);
    assert!(line.contains("'perhaps'") && line.contains("true and false"), "{line}");
}

#[tokio::test]
async fn several_in_the_environment_have_commas_between_them() {
    let variable = [("HALLWAY_TRUSTED_PROXY", "10.0.0.1,fd00::/8")];
    let line = setting("trusted-proxy", &[], &variable).await;
    assert_eq!(line, "trusted-proxy = [\"10.0.0.1\", \"fd00::/8\"] # environment");
}

#[tokio::test]
async fn what_check_prints_is_a_file_that_says_the_same() {
    let first = output(hallway(&["check", "--rate", "7", "--allow-origin", "any"])).await.stdout;
    let file = File::with(&String::from_utf8(first.clone()).unwrap());
    let mut command = hallway(&["check", "--config", file.path()]);
    command.env_remove("RUST_LOG");
    let second = output(command).await.stdout;
    let values = |text: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(text).into_owned();
        text.lines().map(|line| line.split(" # ").next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(values(&second), values(&first));
}

#[tokio::test]
async fn a_setting_in_the_file_that_cannot_be_is_named_with_the_file_in_one_line() {
    for (text, words) in [
        ("max-room = 5", &["no setting \"max-room\""][..]),
        ("config = \"x\"", &["no setting \"config\""]),
        ("help = 1", &["no setting \"help\""]),
        ("rate = 1\nrate = 2", &["line 2", "duplicate"]),
        ("rate =", &["line 1"]),
        ("rate = true", &["rate is boolean", "a text or a number"]),
        ("no-page = 1", &["no-page is integer", "true or false"]),
        ("rate = [1, 2]", &["rate is array"]),
        ("[rate]\nx = 1", &["rate is table"]),
        ("rate = -1", &["--rate", "'-1'", "a whole number"]),
        ("rate = \"fast\"", &["--rate", "'fast'", "a whole number"]),
        ("ping-after = 0", &["--ping-after", "'0'", "0.001 to 86400"]),
        ("allow-origin = [1]", &["allow-origin is array", "a list of texts"]),
        ("trusted-proxy = [\"10.0.0.0/33\"]", &["--trusted-proxy", "10.0.0.0/33"]),
        ("log = \"xml\"", &["--log", "xml", "human, json"]),
        ("log-level = \"loud\"", &["--log-level", "loud", "error, warn, info"]),
    ] {
        let file = File::with(text);
        for arguments in [&["--config", file.path()][..], &["check", "--config", file.path()]] {
            let output = output(hallway(arguments)).await;
            assert_eq!(output.status.code(), Some(2), "{text}");
            let line = one_line(&output);
            assert!(line.starts_with(&format!("error: {}", file.path())), "{line}");
            assert!(words.iter().all(|word| line.contains(word)), "{text}: {line}");
        }
    }
}

#[tokio::test]
async fn a_limit_out_of_range_is_called_as_it_was_given() {
    let file = File::with("max-rooms = 0");
    let error = "is 0 rooms, allowed are 1 to 10000000\n";
    let line = one_line(&output(hallway(&["--config", file.path()])).await);
    assert_eq!(line, format!("error: max-rooms {error}"));
    let line = one_line(&output(hallway(&["--max-rooms", "0"])).await);
    assert_eq!(line, format!("error: --max-rooms {error}"));
    let mut command = hallway(&[]);
    command.env("HALLWAY_MAX_ROOMS", "0");
    assert_eq!(one_line(&output(command).await), format!("error: HALLWAY_MAX_ROOMS {error}"));
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    for path in ["/no/such/file.toml", "/"] {
        let line = one_line(&output(hallway(&["--config", path])).await);
        assert!(line.starts_with(&format!("error: cannot read {path}: ")), "{line}");
    }
}

#[tokio::test]
async fn a_variable_that_is_no_setting_is_named() {
    let mut command = hallway(&["check"]);
    command.env("HALLWAY_MAX_ROOM", "5");
    let output = output(command).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(one_line(&output).contains("no setting HALLWAY_MAX_ROOM"));
}

#[tokio::test]
async fn a_value_in_the_environment_that_cannot_be_is_named_with_its_variable() {
    let mut command = hallway(&["check"]);
    command.env("HALLWAY_RATE", "fast");
    let line = one_line(&output(command).await);
    for words in ["'fast'", "a whole number", "(in the environment: HALLWAY_RATE)"] {
        assert!(line.contains(words), "{line}");
    }
}

#[tokio::test]
async fn a_variable_that_is_set_to_nothing_is_as_if_not_set() {
    let nothing =
        [("HALLWAY_MAX_ROOMS", ""), ("HALLWAY_CONFIG", ""), ("PORT", ""), ("HALLWAY_ALLOW_ORIGIN", "")];
    assert_eq!(setting("max-rooms", &[], &nothing).await, "max-rooms = 10000 # default");
}

#[tokio::test]
async fn what_kubernetes_sets_for_a_service_called_hallway_is_no_setting() {
    let links = [
        ("HALLWAY_SERVICE_HOST", "10.0.0.1"),
        ("HALLWAY_SERVICE_PORT", "8080"),
        ("HALLWAY_PORT", "tcp://10.0.0.1:8080"),
        ("HALLWAY_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ];
    assert_eq!(setting("max-rooms", &[], &links).await, "max-rooms = 10000 # default");
}

#[tokio::test]
async fn a_client_is_pinged_before_it_is_dropped() {
    let line = one_line(&output(hallway(&["--ping-after", "60", "--silence-timeout", "30"])).await);
    assert_eq!(line, "error: --silence-timeout is 30000 milliseconds, allowed are 60001 to 86400000\n");
}
