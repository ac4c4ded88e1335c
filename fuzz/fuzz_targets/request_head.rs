#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hallway_server::fuzzing::request_head(bytes));
