//! Finds secrets that have got where they do not belong, in the forms that programs give to what they pass on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// What every secret of the tests has in it.
pub const WORD: &str = "canary";

/// The forms in which the word of a secret shows.
pub fn forms() -> Vec<(&'static str, Vec<u8>)> {
    let each = |form: fn(u8) -> String| WORD.bytes().map(form).collect::<Vec<_>>();
    let wide = WORD.bytes().flat_map(|byte| [byte, 0]).collect();
    let mut forms = vec![
        ("as it is", WORD.into()),
        ("in hexadecimal", each(|byte| format!("{byte:02x}")).concat().into()),
        ("in UTF-16", wide),
        ("percent-encoded", each(|byte| format!("%{byte:02x}")).concat().into()),
        ("in references of HTML", each(|byte| format!("&#{byte};")).concat().into()),
        ("as a list of bytes", each(|byte| byte.to_string()).join(", ").into()),
    ];
    // Where it begins in a group of three bytes is not known; what depends on its neighbours is left out.
    for before in 0..3 {
        let text = STANDARD_NO_PAD.encode([&b"xx"[..before], WORD.as_bytes()].concat());
        let (from, upto) = ([0, 2, 3][before], (before + WORD.len()) * 8 / 6);
        forms.push(("in base64", text[from..upto].into()));
    }
    forms
}

/// How a secret shows in some bytes, if one does, and what is around it.
pub fn leak(bytes: &[u8]) -> Option<String> {
    let lower = bytes.to_ascii_lowercase();
    forms().into_iter().find_map(|(how, form)| {
        // Base64 depends on case, all others do not.
        let text = if how == "in base64" { bytes } else { &lower };
        let at = text.windows(form.len()).position(|window| window == form)?;
        let around = &bytes[at.saturating_sub(100)..(at + 60).min(bytes.len())];
        Some(format!("{how}: {}", String::from_utf8_lossy(around)))
    })
}
