//! A store for `hallway-core`: the messages of all rooms in one SQLite file.
