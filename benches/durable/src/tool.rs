//! What an operator does with the file, with the program's own commands.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use hallway_harness::within;
use serde::Deserialize;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::row::Bench;

/// After that a command has failed.
const LIMIT: Duration = Duration::from_secs(120);

/// A message as `export` prints it, and `import` reads it.
#[derive(Debug, Deserialize)]
pub(crate) struct Line {
    pub(crate) room: String,
    pub(crate) epoch: String,
    pub(crate) seq: u64,
    pub(crate) message: String,
}

/// What `verify` says.
pub(crate) async fn verify(bench: &Bench, data: &Path) -> io::Result<(bool, String)> {
    let output = within(LIMIT, "verify", command(bench, data, "verify").output()).await?;
    let is_sound = output.status.success();
    let said = if is_sound { output.stdout } else { output.stderr };
    // The path is nobody's business.
    let said = String::from_utf8_lossy(&said).trim().replace(&*data.to_string_lossy(), "the file");
    Ok((is_sound, said))
}

/// All messages, as `export` prints them.
pub(crate) async fn export(bench: &Bench, data: &Path) -> io::Result<Vec<Line>> {
    let output = within(LIMIT, "export", command(bench, data, "export").output()).await?;
    let lines = succeeded(output)?;
    lines.lines().map(|line| serde_json::from_str(line).map_err(io::Error::from)).collect()
}

/// The epoch of each room, as `export` prints it.
pub(crate) async fn epochs(bench: &Bench, data: &Path) -> io::Result<BTreeMap<String, String>> {
    Ok(export(bench, data).await?.into_iter().map(|line| (line.room, line.epoch)).collect())
}

/// Has `import` read rooms of so many messages each, the first one with the number 1.
pub(crate) async fn import(bench: &Bench, data: &Path, rooms: &[(String, u64)]) -> io::Result<()> {
    let mut child = command(bench, data, "import").stdin(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let write = async {
        let mut lines = String::new();
        for (room, messages) in rooms {
            for seq in 1..=*messages {
                lines.push_str(&line(room, seq));
                if lines.len() > 1 << 20 {
                    stdin.write_all(lines.as_bytes()).await?;
                    lines.clear();
                }
            }
        }
        stdin.write_all(lines.as_bytes()).await?;
        drop(stdin);
        io::Result::Ok(())
    };
    let (written, output) =
        within(LIMIT, "import", async { Ok(tokio::join!(write, child.wait_with_output())) }).await?;
    succeeded(output?)?;
    written
}

/// The text of an imported message: 100 bytes that say which it is.
pub(crate) fn text(room: &str, seq: u64) -> String {
    format!("{:-<100}", format!("{room} {seq} "))
}

fn line(room: &str, seq: u64) -> String {
    let (text, username) = (text(room, seq), seq % 100);
    format!(
        "{{\"room\":\"{room}\",\"epoch\":\"import\",\"seq\":{seq},\"sentAt\":\"2026-01-01T00:00:00.000Z\",\
         \"username\":\"member {username}\",\"message\":\"{text}\"}}\n"
    )
}

fn command(bench: &Bench, data: &Path, what: &str) -> Command {
    let mut command = Command::new(&bench.program);
    command.arg("--data").arg(data).arg(what).env_remove("RUST_LOG").env_remove("PORT").kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn succeeded(output: Output) -> io::Result<String> {
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(io::Error::other);
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
