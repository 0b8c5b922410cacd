#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| calloff_fuzz::check("cron", input));
