//! What a person sees.

use rstest::rstest;
use serde_json::Value;

use crate::browser::{Browser, Window};
use crate::shown::Shown;
use crate::support::program::signal;

/// Finds text whose contrast to what is behind it is less than WCAG 2.2 asks for (1.4.3: 4.5 to 1).
const FAINT: &str = r"
    const channel = (value) => { const part = value / 255; return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; };
    const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = parse(getComputedStyle(at).backgroundColor);
            if (colour.length < 4 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    const faint = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || element.closest('noscript, title, desc, script')) continue;
        if (!element.checkVisibility() || element.closest('.sparkline')) continue;
        const style = getComputedStyle(element);
        const colour = parse(element.closest('svg') ? style.fill : style.color);
        const [a, b] = [light(colour), light(behind(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) faint.push(`${walker.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
    }
    return faint;
";

#[test]
fn a_row_changes_when_its_job_fires_while_the_page_is_open() {
    let Some(browser) = Browser::open(Window::Desk) else { return };
    let shown = Shown::start(&[("soon", "backups = [\"42\"]\n[schedule]\nevery = \"15s\"\n")]);
    browser.goto(&shown.origin);
    let row = "document.querySelector('tr[data-job=soon]').innerText";
    // It may have fired before the page was open: then the next one changes the row as well.
    let before = browser.eval(&format!("window.mark = 'not loaded again'; return {row}"));
    browser.wait_for(&format!("{row}.includes('succeeded')"));
    let sparks = "document.querySelectorAll('tr[data-job=soon] .sparkline rect').length";
    let count = browser.eval(&format!("return {sparks}"));
    browser.wait_for(&format!("{sparks} > {count}"));
    let after = browser.eval(&format!("return {row}"));
    assert_ne!(before, after);
    assert_eq!(browser.eval("return window.mark"), "not loaded again");
    assert_eq!(browser.take_logs().0, Vec::<String>::new());
}

#[test]
fn the_picture_has_a_stroke_where_next_says_and_zohos_own_backup() {
    let Some(browser) = Browser::open(Window::Desk) else { return };
    let shown = Shown::with_everything();
    browser.goto(&shown.origin);
    let ends = browser.eval("return Number(new Date()) + 14 * 86400e3").as_f64().unwrap();
    let mut seen = 0;
    for job in ["weekly", "eu/nightly", "paused"] {
        for at in shown.next(job) {
            let is_in_time = browser.eval(&format!("return Number(new Date('{at}')) < {ends} - 60000"));
            if is_in_time != Value::Bool(true) {
                continue;
            }
            let told = browser
                .eval(&format!("return document.querySelector('.tick[data-at=\"{at}\"] title').textContent"));
            assert!(told.as_str().unwrap().contains(job), "{at}: {told}");
            seen += 1;
        }
    }
    assert!(seen >= 7, "{seen}");
    let is_paused = "return document.querySelectorAll('.tick.paused').length";
    assert!(browser.eval(is_paused).as_u64().unwrap() >= 2, "three days of a job that is due each day");
    assert_eq!(browser.eval("return document.querySelectorAll('.often').length"), 2, "and one in the legend");
    assert!(
        browser.eval("return document.querySelectorAll('#timeline .band').length").as_u64().unwrap() >= 3
    );
    let past = browser
        .eval("return [...document.querySelectorAll('#timeline .past')].map((run) => run.classList[1])");
    assert!(past.as_array().unwrap().contains(&Value::from("failed")), "{past}");
}

#[rstest]
#[case::desk(Window::Desk)]
#[case::phone(Window::Phone)]
fn every_page_can_be_read_and_asks_nobody_else(#[case] window: Window) {
    let Some(browser) = Browser::open(window) else { return };
    let shown = Shown::with_everything();
    for (name, path) in [
        ("front", "/"),
        ("job", "/jobs/unknown-backup"),
        ("job-in-a-folder", "/jobs/eu/nightly"),
        ("owing-job", "/jobs/held"),
        ("broken-job", "/jobs/broken"),
        ("account", "/accounts/acme"),
        ("found", "/?q=night&state=armed"),
    ] {
        for scheme in ["light", "dark"] {
            browser.prefer(scheme);
            browser.goto(&format!("{}{path}", shown.origin));
            browser.eval("document.querySelectorAll('details').forEach((part) => { part.open = true })");
            let width = browser.eval("return document.documentElement.scrollWidth").as_u64().unwrap();
            assert!(width <= u64::from(window.width()), "{path} is {width} wide");
            assert_eq!(browser.eval(FAINT), Value::Array(vec![]), "{path}, {scheme}");
            browser.screenshot(&format!("{name}-{}-{scheme}.png", window.width()));
            assert_eq!(
                browser
                    .eval("return document.querySelectorAll('main script, main b, main em, main i').length"),
                0
            );
        }
        let labels = "return [...document.querySelectorAll('input:not([type=hidden]), select')].every((field) => field.labels.length)";
        assert_eq!(browser.eval(labels), true, "{path}");
        let (said, asked) = browser.take_logs();
        assert_eq!(said, Vec::<String>::new(), "{path}");
        let elsewhere: Vec<&String> =
            asked.iter().filter(|url| !url.starts_with(&shown.origin) && !url.starts_with("data:")).collect();
        assert!(elsewhere.is_empty() && !asked.is_empty(), "{path}: {elsewhere:?}");
    }
    browser.goto(&format!("{}/jobs/none", shown.origin));
    assert!(
        browser.eval("return document.body.innerText").as_str().unwrap().contains("There is no job `none`")
    );
}

#[test]
fn what_needs_a_person_comes_first() {
    let Some(browser) = Browser::open(Window::Desk) else { return };
    let shown = Shown::with_everything();
    browser.goto(&shown.origin);
    let first = browser.eval("return document.querySelector('main section').innerText");
    let first = first.as_str().unwrap();
    for part in
        ["Restore owed: account acme", "Job unknown-backup failed", "Quarantined: broken", "Paused: paused"]
    {
        assert!(first.contains(part), "{part}: {first}");
    }
    assert!(first.contains("not <em>this</em> week"), "as it was written: {first}");
    let jobs =
        browser.eval("return [...document.querySelectorAll('tr[data-job]')].map((row) => row.dataset.job)");
    assert_eq!(jobs[0], "broken");
    assert_eq!(jobs[1], "unknown-backup");
    assert_eq!(jobs[2], "paused");
}

#[test]
fn the_page_works_without_a_script() {
    let Some(browser) = Browser::open(Window::Desk) else { return };
    let shown = Shown::with_everything();
    browser.chromium("Emulation.setScriptExecutionDisabled", &serde_json::json!({ "value": true }));
    browser.goto(&format!("{}/?q=nightly", shown.origin));
    let source = browser.page();
    assert!(source.contains("data-job=\"eu/nightly\"") && !source.contains("data-job=\"weekly\""));
    assert!(source.contains("<title id=\"timeline-title\">"));
    assert!(source.contains("http-equiv=\"refresh\""), "it is asked for anew by the browser");
}

#[test]
fn a_refresh_disturbs_nobody() {
    let Some(browser) = Browser::open(Window::Desk) else { return };
    let shown = Shown::start(&[("soon", "backups = [\"42\"]\n[schedule]\nevery = \"2s\"\n")]);
    shown.place.wait_until("two runs", |place| place.history().len() >= 2);
    browser.goto(&format!("{}/jobs/soon", shown.origin));
    browser.eval(
        "const newest = document.querySelector('details.run'); newest.open = true; window.opened = newest.id",
    );
    let count = browser.eval("return document.querySelectorAll('details.run').length");
    browser.wait_for(&format!("document.querySelectorAll('details.run').length > {count}"));
    assert_eq!(browser.eval("return document.getElementById(window.opened).open"), true);
    // Whoever types is left alone; what comes after that is shown again.
    browser.goto(&shown.origin);
    browser.eval("document.getElementById('q').focus()");
    browser.press("so");
    let looked = browser.eval("return document.querySelector('header time').dateTime");
    assert_eq!(browser.eval("return document.getElementById('q').value"), "so");
    browser.eval("document.getElementById('q').blur()");
    browser.wait_for(&format!("document.querySelector('header time').dateTime !== {looked}"));
}

#[test]
fn a_page_whose_daemon_is_gone_says_so() {
    let Some(browser) = Browser::open(Window::Desk) else { return };
    let shown = Shown::start(&[("later", "backups = [\"42\"]\n[schedule]\nat = \"2080-01-01T00:00:00Z\"\n")]);
    browser.goto(&shown.origin);
    assert_eq!(browser.eval("return document.getElementById('stale').hidden"), true);
    signal(shown.daemon.child(), "KILL");
    browser.wait_for("!document.getElementById('stale').hidden");
    assert!(browser.eval("return document.body.innerText").as_str().unwrap().contains("later"));
}

#[test]
fn everything_can_be_reached_by_keyboard() {
    let Some(browser) = Browser::open(Window::Desk) else { return };
    let shown = Shown::with_everything();
    browser.goto(&shown.origin);
    let mut reached = vec![];
    for _ in 0..60 {
        browser.press("\u{e004}");
        let here = browser.eval(
            "const it = document.activeElement; return it.id || it.getAttribute('href') || it.getAttribute('name') || it.innerText",
        );
        reached.push(here.as_str().unwrap_or_default().to_owned());
    }
    assert_eq!(reached[0], "#main", "the first key leads past the header");
    for part in [
        "coming-picture",
        "q",
        "state",
        "Show",
        "jobs-table",
        "/jobs/eu/nightly",
        "accounts-table",
        "/accounts/acme",
    ] {
        assert!(reached.iter().any(|here| here == part), "{part}: {reached:?}");
    }
}
