//! What an operator does with the file that keeps the messages.

use std::{
    error::Error,
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::Path,
};

use hallway_sqlite::{ExportError, ImportReport};

use super::options::Asked;

/// Does what was asked for, and prints what came of it.
pub(super) fn run(asked: &Asked, data: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let data = data.ok_or("--data is none, and this is about a file")?;
    let said = match asked {
        Asked::Export { room } => {
            let out = BufWriter::new(io::stdout().lock());
            match hallway_sqlite::export(data, room.as_ref(), out) {
                // Whoever has read enough of it may go.
                Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                exported => exported?,
            };
            return Ok(());
        }
        Asked::Import { file } => {
            let input: Box<dyn BufRead> = match file {
                Some(path) => {
                    let shown = path.display();
                    let file = File::open(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
                    Box::new(BufReader::new(file))
                }
                None => Box::new(io::stdin().lock()),
            };
            let ImportReport { added, present, left_out } = hallway_sqlite::import(data, input)?;
            format!(
                "{added} messages added, {present} were there, {left_out} were erased or let go of before"
            )
        }
        Asked::Backup { to } => {
            hallway_sqlite::backup(data, to)?;
            format!("{} is a copy of {}", to.display(), data.display())
        }
        Asked::Forget { name } => {
            let erased = hallway_sqlite::forget(data, name)?;
            format!("{erased} messages of {name:?} erased")
        }
        Asked::Verify => {
            let faults = hallway_sqlite::verify(data)?;
            if !faults.is_empty() {
                return Err(faults.join("\nerror: ").into());
            }
            format!("{} is sound", data.display())
        }
        Asked::Check | Asked::Health => return Err("this is not about a file".into()),
    };
    // What was done is done, also where nobody wants to know.
    let _ = writeln!(io::stdout(), "{said}");
    Ok(())
}
