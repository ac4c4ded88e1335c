//! Settings in a TOML file: each is called as its option, without the dashes before it.

use std::{borrow::Cow, fs, path::Path};

use clap::{Arg, ArgAction, Command};
use toml::{Table, Value};

use super::settings::in_one_line;

/// The command whose options have the file's settings for defaults, so that what is given elsewhere wins and the values
/// are read and judged in one place; and the names of these settings. An error is one line.
pub(super) fn as_defaults(path: &Path, mut command: Command) -> Result<(Command, Vec<String>), String> {
    let mut names = Vec::new();
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        format!("{shown}, line {line}: {}", error.message().replace('\n', ", "))
    })?;
    for (key, value) in table {
        let arg = command.get_arguments().find(|arg| is_setting(arg) && arg.get_long() == Some(&*key));
        let Some(arg) = arg else {
            return Err(format!(
                "{shown}: there is no setting {key:?}; settings are called as the options of --help"
            ));
        };
        let id = arg.get_id().clone();
        let kind = Kind::of(arg);
        let values = values(&value, kind).ok_or_else(|| {
            let allowed = match kind {
                Kind::One => "a text or a number",
                Kind::List => "a text, or a list of texts",
                Kind::Flag => "true or false",
            };
            format!("{shown}: {key} is {}, allowed is {allowed}", value.type_str())
        })?;
        judge(&command, &key, &values).map_err(|error| format!("{shown}: {error}"))?;
        command = command.mut_arg(id, |arg| arg.default_values(values));
        names.push(key);
    }
    Ok((command, names))
}

/// Values as a file has them; nothing where the option has none.
pub(super) fn toml(arg: &Arg, values: &[Cow<'_, str>]) -> Option<String> {
    let one = |value: &str| match (value.parse(), value.parse()) {
        (Ok(number), _) => Value::Integer(number),
        (_, Ok(number)) => Value::Float(number),
        _ => Value::String(value.to_owned()),
    };
    match Kind::of(arg) {
        Kind::One => values.first().map(|value| one(value).to_string()),
        Kind::List => {
            let texts = values.iter().map(|value| Value::String(value.to_string()));
            Some(Value::Array(texts.collect()).to_string())
        }
        // As it is written.
        Kind::Flag => values.first().map(ToString::to_string),
    }
}

/// Whether the option is one that a file may have.
pub(super) fn is_setting(arg: &Arg) -> bool {
    !matches!(arg.get_id().as_str(), "config" | "help" | "version")
}

/// What an option has for a value.
#[derive(Clone, Copy)]
enum Kind {
    One,
    List,
    Flag,
}

impl Kind {
    fn of(arg: &Arg) -> Self {
        match (arg.get_action(), arg.get_num_args()) {
            (ArgAction::Append, _) => Self::List,
            (_, Some(values)) if values.min_values() == 0 => Self::Flag,
            _ => Self::One,
        }
    }
}

fn values(value: &Value, kind: Kind) -> Option<Vec<String>> {
    match (value, kind) {
        (Value::String(text), Kind::One | Kind::List) => Some(vec![text.clone()]),
        (Value::Integer(number), Kind::One | Kind::List) => Some(vec![number.to_string()]),
        (Value::Float(number), Kind::One | Kind::List) => Some(vec![number.to_string()]),
        (Value::Array(items), Kind::List) => {
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        }
        (Value::Boolean(flag), Kind::Flag) => Some(vec![flag.to_string()]),
        _ => None,
    }
}

/// Whether the option takes these values, whatever else is given.
fn judge(command: &Command, key: &str, values: &[String]) -> Result<(), String> {
    let alone = Command::new("file").no_binary_name(true).args(
        (command.get_arguments().filter(|arg| arg.get_long() == Some(key)))
            .map(|arg| arg.clone().env(None::<&str>).global(false)),
    );
    let given = values.iter().map(|value| format!("--{key}={value}"));
    alone.try_get_matches_from(given).map(drop).map_err(|error| in_one_line(&error))
}
