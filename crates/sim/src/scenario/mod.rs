//! Scenarios: which accounts there are, what is scheduled in them, and what goes wrong.
//!
//! A scenario is a TOML file. Every key but the account's name has a default; unknown keys are refused.
//! Durations are written `50ms`, `2s`, `10m`, `12h`, `2d`. Instants are strings, either absolute with an
//! offset (`"2026-12-05T02:30:00+01:00"`) or relative to the simulator's start (`"+2d"`, `"-3h"`).
//!
//! ```
//! # let text = r#"
//! [accounts.acme]
//! latency = "50ms"
//!
//! [[accounts.acme.backups]]
//! id = "4876876000001593003"
//! scheduled_date = "+2d"
//! faults = ["INTERNAL_ERROR", { delay = "2s", then = "ok" }]
//! # "#;
//! # let scenario = calloff_sim::Scenario::parse(text).unwrap();
//! # assert_eq!(scenario.accounts["acme"].backups[0].faults.len(), 2);
//! ```
//!
//! # `[accounts.NAME]`
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `client_id`, `client_secret`, `refresh_token` | any | the only credentials accepted |
//! | `grant_code` | any, once each | the only code that can be exchanged for a refresh token |
//! | `scopes` | `["ZohoCRM.bulk.backup.ALL"]` | what the tokens allow; `.READ`, `.CREATE`, `.UPDATE` are the parts |
//! | `names_scopes` | `true` | whether the token endpoint names the scopes of a token |
//! | `no_permission` | `false` | the user's profile lacks the right: `NO_PERMISSION` |
//! | `token_lifetime` | `"1h"` | how long an access token is valid |
//! | `token_limit` | `10` | tokens per refresh token in 10 minutes, `0` for no limit |
//! | `throttle_status` | `200` | HTTP status of the refusal beyond that limit; `400` is seen too |
//! | `api_domain` | the simulator itself | what the token endpoint names as the API's address |
//! | `utc_offset` | `"+00:00"` | the offset in which relative instants are shown |
//! | `latency` | `"0s"` | how long every answer takes |
//! | `concurrency` | none | calls at once beyond which Zoho answers `TOO_MANY_REQUESTS` |
//! | `credits` | none | API credits that remain: each call takes one, and its answer names those left in `X-API-CREDITS-REMAINING` |
//! | `backup_limit` | none | backups that can be scheduled before `LIMIT_EXCEEDED` |
//! | `runs_for` | `"30m"` | how long a backup runs once its date has come |
//! | `unlisted` | none | the status of every numeric id that isn't listed; without it they don't exist |
//!
//! Credentials choose the account: of those that accept them, the one that restricts most of them; then the
//! one whose name is the `client_id`; then the first by name.
//!
//! # `[[accounts.NAME.backups]]`
//!
//! `GET /backup` shows the last of the list, until one is scheduled by `POST`.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `id` | required | a string of digits |
//! | `status` | `"SCHEDULED"` | or `STOPPED`, `INPROGRESS`, `COMPLETED`, `FAILED`, `PAYMENT_FAILED`, `FINISHED` |
//! | `rrule` | null | such as `RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU` |
//! | `scheduled_date` | null | the next run. When it comes the backup is `INPROGRESS`, for `runs_for` |
//! | `start_date` | as `scheduled_date` | the first run |
//! | `requester` | a made-up administrator | `{ id, name, zuid }`, strings |
//! | `faults` | `[]` | what becomes of the cancels of this id, one entry a call; afterwards all is well |
//! | `shows_as` | its status | what `GET /backup` says instead, for a word that Zoho doesn't document |
//! | `settles_after` | at once | so long after a cancel `GET /backup` still says `SCHEDULED` |
//! | `reappears_after` | never | so long after a cancel it is `SCHEDULED` again, as if somebody had seen to it |
//!
//! # `[[accounts.NAME.history]]`
//!
//! Rows of the past, for guard-rails that ask for a good backup: `log_time` (required), `action`
//! (`"initiated"`), `state` (`"completed"`), `repeat_type` (`"weekly"`), `file_name`, `count`. What happens
//! in the simulator is added by itself.
//!
//! # `[accounts.NAME.org]`
//!
//! What `GET /org` shows of the organisation: `company_name` (the account's name), `time_zone` (`"Etc/UTC"`),
//! `edition` (`"enterprise"`). Any token may read it, as Zoho's SDKs do; a fault refuses it.
//!
//! # `[accounts.NAME.faults]`
//!
//! `cancel` (after the backup's own list), `get`, `history`, `schedule`, `urls`, `org` and `token`: lists as above.
//! A call that is refused for another reason, such as an expired token, uses none up.
//!
//! # A fault
//!
//! A word, or a table `{ then = WORD, … }`:
//!
//! | word | Zoho acts | the caller sees |
//! |---|---|---|
//! | `ok` | yes | the normal answer |
//! | a code, such as `INTERNAL_ERROR` | no | that code, with its documented status and envelope: see [`Code`](crate::Code) |
//! | `429` | no | `TOO_MANY_REQUESTS` |
//! | `500` … `599`, such as `503` | no | that status, no body |
//! | `html-500` … `html-599`, such as `html-502` | no | that status, a page of HTML |
//! | `drop` | no | the connection closed, no answer |
//! | `drop-after` | yes | the connection closed, no answer |
//! | `hang` | no | nothing, for ever |
//! | `cut-short` | yes | half the body, then the connection closed |
//! | `slow-body` | yes | the body, a byte a second |
//! | `empty` | yes | 200, no body |
//! | `garbage` | yes | 200, a body that claims to be JSON and isn't |
//! | `huge` | yes | the normal answer, padded to 32 MiB |
//! | `array-details` | yes | the normal answer, but `"details": []` |
//! | `unheeded` | no | the normal answer |
//! | `redirect` | no | 302 to `/redirected` |
//! | `numeric-code` | no | 429, `{"code":429,"error":"TOO_MANY_REQUESTS",…,"details":[]}` |
//! | `unknown-code` | no | 400 with a code that isn't documented |
//!
//! For `token` only: `invalid_code`, `invalid_client`, `invalid_client_secret`, `invalid_redirect_uri`,
//! `throttled`, `throttled-localised`, and, with a valid token, `no-expires-in`, `expires-in-millis` and, in an
//! exchange, `no-refresh-token`.
//! `token` takes no codes, and none of `429`, `array-details`, `unheeded`, `numeric-code`, `unknown-code`.
//!
//! | key of the table | default | meaning |
//! |---|---|---|
//! | `then` | `"ok"` | the word |
//! | `delay` | `"0s"` | how long the answer or the failure is in coming; Zoho acts at once |
//! | `retry_after` | none | the header `Retry-After`, in seconds |
//! | `retry_after_date` | none | the header `Retry-After`, as the date so far from now |
//! | `details_retry_after` | none | `details.retry_after` of a code, in seconds |
//! | `acts` | see above | whether Zoho acts: `{ then = "html-502", acts = true }` loses only the answer |
//! | `envelope` | as documented | `"top"` or `"wrapped"`, for a code or `unknown-code` |
//! | `every` | `"1s"` | the pause between the bytes of `slow-body` |
//! | `times` | `1` | how many calls the entry stands for |
//!
//! # `[accounts.NAME.outage]`
//!
//! While it lasts, every call of the account gets the same fault and no list is used up: `then` (required),
//! `retry_after`, `starts` (`"0s"` after the simulator's start), and `lasts` or `calls`, or both: the first
//! to be used up ends it. With `token = true` the token endpoint has it too.

mod account;
mod backup;
mod file;
mod when;

pub use account::{AccountScenario, FaultLists, OrgScenario, Outage};
pub use backup::{BackupScenario, HistoryScenario, Person, Status};
pub use file::{Scenario, ScenarioError};
pub use when::{UtcOffset, When};
