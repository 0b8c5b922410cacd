//! `[accounts.NAME]`: where an organisation is and how to get in.

use std::time::Duration;

use super::model::{Account, ApiVersion, BaseUrl};
use super::reader::{Problems, Span, Table, Value, bare};
use super::secret::secret;
use super::url::base_url;
use super::zone::Fallback;
use crate::diagnostic::Code;
use crate::ids::AccountName;

/// Zoho's data centres: the word, the host of accounts, the top-level domain of `www.zohoapis`.
///
/// The two can't be derived from each other (`ca`). `uk` and `ae` are known from the accounts pages only.
const DATA_CENTERS: [(&str, (&str, &str)); 10] = [
    ("us", ("accounts.zoho.com", "com")),
    ("eu", ("accounts.zoho.eu", "eu")),
    ("in", ("accounts.zoho.in", "in")),
    ("au", ("accounts.zoho.com.au", "com.au")),
    ("jp", ("accounts.zoho.jp", "jp")),
    ("cn", ("accounts.zoho.com.cn", "com.cn")),
    ("ca", ("accounts.zohocloud.ca", "ca")),
    ("sa", ("accounts.zoho.sa", "sa")),
    ("uk", ("accounts.zoho.uk", "uk")),
    ("ae", ("accounts.zoho.ae", "ae")),
];

/// The environments and the first label of their API hosts. All have the same accounts host.
const ENVIRONMENTS: [(&str, &str); 3] =
    [("production", "www"), ("sandbox", "sandbox"), ("developer", "developer")];

const SIMULTANEOUS_CALLS: u32 = 10;
const TIMEOUT: Duration = Duration::from_secs(30);
const API_VERSION: &str = "v7";

/// Reads one account. `zone` is the one of `calloff.toml`, which the organisation is taken to be in if it names none.
pub(super) fn account(
    name: AccountName,
    value: &Value<'_>,
    zone: &Fallback,
    problems: &mut Problems,
) -> Option<Account> {
    let mut table = value.table(problems, format!("`[accounts.{name}]`"))?;
    let hosts = hosts(&mut table, problems);
    let api_version = match table.take("api_version") {
        None => Some(ApiVersion(API_VERSION.to_owned())),
        Some(value) => api_version(&value, problems),
    };
    let client_id = table
        .require("client_id", problems, "the API console names it: https://api-console.zoho.com")
        .and_then(|value| client_id(&value, problems));
    let mut secret_at = |key| {
        let help = "say where it is: { env = \"VAR\" }, { file = \"path\" } or { credential = \"name\" }";
        table.require(key, problems, help).and_then(|value| secret(&value, problems))
    };
    let client_secret = secret_at("client_secret");
    let refresh_token = secret_at("refresh_token");
    let concurrency =
        table.take("concurrency").map_or(Some(SIMULTANEOUS_CALLS), |value| value.number(problems, 1, 25));
    let bounds = Span::from(Duration::from_millis(1)).to(Duration::from_hours(1));
    let timeout = table.take("timeout").map_or(Some(TIMEOUT), |value| value.duration(problems, bounds));
    // UTC for all is a neutral choice, and no statement about where an organisation is.
    let inherited = if zone.is_utc() { &Fallback::None } else { zone };
    let zone = inherited.overridden(table.take("timezone").as_ref(), problems);
    table.finish(problems);

    let (api_domain, accounts_url) = hosts?;
    Some(Account {
        name,
        api_domain,
        accounts_url,
        api_version: api_version?,
        client_id: client_id?,
        client_secret: client_secret?,
        refresh_token: refresh_token?,
        concurrency: concurrency?,
        timeout: timeout?,
        timezone: zone.named(),
    })
}

fn hosts(table: &mut Table<'_>, problems: &mut Problems) -> Option<(BaseUrl, BaseUrl)> {
    const BOTH: &str = "write `data_center`, or both `api_domain` and `accounts_url`";
    let center = table.take("data_center");
    let environment = table.take("environment");
    let api = table.take("api_domain");
    let accounts = table.take("accounts_url");

    let label = environment.as_ref().map_or(Some("www"), |value| value.word(problems, &ENVIRONMENTS));
    let place = center.as_ref().map(|value| value.word(problems, &DATA_CENTERS));
    let api_domain = api.as_ref().and_then(|value| base_url(value, problems));
    let accounts_url = accounts.as_ref().and_then(|value| base_url(value, problems));
    match (place, api, accounts) {
        (Some(place), None, None) => {
            let (accounts, domain) = place?;
            let api_domain = BaseUrl(format!("https://{}.zohoapis.{domain}", label?));
            Some((api_domain, BaseUrl(format!("https://{accounts}"))))
        }
        (None, Some(_), Some(_)) => {
            if let Some(environment) = environment.filter(|_| label.is_some_and(|label| label != "www")) {
                problems
                    .add(Code::DataCenter, environment.span(), "`environment` has no effect on `api_domain`")
                    .help("leave `environment` out, and write its host in `api_domain`");
            }
            Some((api_domain?, accounts_url?))
        }
        (Some(_), Some(other), _) | (Some(_), None, Some(other)) => {
            let message = format!("`{}` and `data_center` both say where the account is", other.key());
            problems.add(Code::DataCenter, other.key_span(), message).help(BOTH);
            None
        }
        (None, Some(one), None) | (None, None, Some(one)) => {
            let message = format!("`{}` stands alone", one.key());
            problems.add(Code::DataCenter, one.key_span(), message).help(BOTH).absence();
            None
        }
        (None, None, None) => {
            let message = format!("{} does not say where the account is", table.place());
            problems.add(Code::DataCenter, table.span(), message).help(BOTH).absence();
            None
        }
    }
}

fn api_version(value: &Value<'_>, problems: &mut Problems) -> Option<ApiVersion> {
    const HELP: &str = "write `v` and a number from 3, such as \"v7\"";
    let text = value.text(problems, HELP)?;
    let number = text.strip_prefix('v').filter(|number| number.len() <= 3 && !number.starts_with('0'));
    let valid = number.is_some_and(|number| {
        number.bytes().all(|b| b.is_ascii_digit()) && number.parse::<u32>().is_ok_and(|number| number >= 3)
    });
    if !valid {
        let message = format!("`{}` is no version of Zoho's API that has backups", bare(text));
        problems.add(Code::ApiVersion, value.span(), message).help(HELP);
        return None;
    }
    Some(ApiVersion(text.to_owned()))
}

fn client_id(value: &Value<'_>, problems: &mut Problems) -> Option<String> {
    let text = value.line(problems, 200)?;
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        problems
            .add(Code::BadText, value.span(), "`client_id` has a space or a character that no client ID has")
            .help("write it as the API console shows it, such as \"1000.ABCDEF\"");
        return None;
    }
    Some(text.to_owned())
}
