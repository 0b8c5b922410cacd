//! The token endpoint: who asks, and whether there is a token for them.

use std::collections::HashMap;

use http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::account::Account;
use super::answer::Draft;
use super::machine::{Request, Token, World};

/// The tokens per refresh token that are valid at once; the next one kills the oldest.
const MOST_ACTIVE: usize = 15;

/// The time in which tokens are counted.
const THROTTLE: SignedDuration = SignedDuration::from_mins(10);

/// The fields of a request, from the query and from the body, which wins.
pub(super) fn fields(request: &Request) -> HashMap<String, String> {
    let mut fields: HashMap<String, String> = HashMap::new();
    let mut take = |text: &[u8]| fields.extend(form_urlencoded::parse(text).into_owned());
    take(request.uri().query().unwrap_or_default().as_bytes());
    match boundary(request.headers()) {
        Some(boundary) => fields.extend(multipart(request.body(), &boundary)),
        None => take(request.body()),
    }
    fields
}

fn boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let parameters = kind.strip_prefix("multipart/form-data")?;
    let (_, boundary) = parameters.split_once("boundary=")?;
    let boundary = boundary.split(';').next().unwrap_or(boundary).trim();
    Some(boundary.trim_matches('"').to_owned())
}

/// The text fields of a multipart form (RFC 7578), as much of it as a token request needs.
fn multipart(body: &[u8], boundary: &str) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(body);
    let mark = format!("--{boundary}");
    text.split(&mark)
        .filter_map(|part| {
            let (head, value) = part.split_once("\r\n\r\n")?;
            let (_, name) = head.split_once("name=\"")?;
            let (name, _) = name.split_once('"')?;
            Some((name.to_owned(), value.strip_suffix("\r\n").unwrap_or(value).to_owned()))
        })
        .collect()
}

/// What an account restricts, in an exchange or not.
type Restriction = fn(&Account, bool) -> Option<&String>;

/// What a token request comes to before anything is made.
pub(super) enum Asker {
    /// The account, by its place, and the refresh token that the new one hangs on.
    Account { place: usize, refresh_token: String, exchange: Option<String> },
    /// There is none.
    Refused(Draft),
}

impl World {
    pub(super) fn asker(&self, fields: &HashMap<String, String>) -> Asker {
        let field = |key: &str| fields.get(key).map_or("", String::as_str);
        let exchange = match field("grant_type") {
            "refresh_token" => false,
            "authorization_code" => true,
            "" => return Asker::Refused(Draft::empty(400)),
            // A bad grant type is said to be a bad client.
            _ => return Asker::Refused(Draft::token_error("invalid_client")),
        };
        let (client, secret) = (field("client_id"), field("client_secret"));
        let given = if exchange { field("code") } else { field("refresh_token") };
        let steps: [(&str, &str, Restriction); 3] = [
            ("invalid_client", client, |account, _| account.settings.client_id.as_ref()),
            ("invalid_client_secret", secret, |account, _| account.settings.client_secret.as_ref()),
            ("invalid_code", given, |account, exchange| {
                let settings = &account.settings;
                if exchange { settings.grant_code.as_ref() } else { settings.refresh_token.as_ref() }
            }),
        ];
        // Zoho looks at the client first: what is left after each look tells which refusal it is.
        let mut left: Vec<usize> = (0..self.accounts.len()).collect();
        for (error, given, wanted) in steps {
            left.retain(|place| {
                !given.is_empty()
                    && wanted(&self.accounts[*place], exchange).is_none_or(|wanted| wanted == given)
            });
            if left.is_empty() {
                return Asker::Refused(Draft::token_error(error));
            }
        }
        let fit = |place: &usize| {
            let account = &self.accounts[*place];
            let named = steps.iter().filter(|step| step.2(account, exchange).is_some()).count();
            (named, *account.name == *client, std::cmp::Reverse(*place))
        };
        let Some(place) = left.into_iter().max_by_key(fit) else {
            return Asker::Refused(Draft::token_error("invalid_client"));
        };
        let account = &self.accounts[place];
        if !exchange {
            let refresh_token = given.to_owned();
            return Asker::Account { place, refresh_token, exchange: None };
        }
        let own = account.settings.refresh_token.clone();
        let refresh_token = own.unwrap_or_else(|| format!("1000.sim-refresh.{}", account.name));
        Asker::Account { place, refresh_token, exchange: Some(given.to_owned()) }
    }

    /// The normal answer to a token request. A token is made only if `act`.
    pub(super) fn token(
        &mut self,
        place: usize,
        refresh_token: &str,
        exchange: Option<&str>,
        base: &str,
        now: Timestamp,
        act: bool,
    ) -> Draft {
        let account = &mut self.accounts[place];
        let settings = &account.settings;
        if account.grants.revoked.contains(refresh_token)
            || exchange.is_some_and(|code| account.grants.used_codes.contains(code))
        {
            return Draft::token_error("invalid_code");
        }
        let made = account.grants.made.entry(refresh_token.to_owned()).or_insert((now, 0));
        if now.duration_since(made.0) >= THROTTLE {
            *made = (now, 0);
        }
        if settings.token_limit > 0 && made.1 >= settings.token_limit {
            return Draft::throttled(settings.throttle_status, false);
        }
        if !act {
            return Draft::ok(json!({}));
        }
        made.1 += 1;
        if let Some(code) = exchange {
            account.grants.used_codes.insert(code.to_owned());
        }
        let mut body = json!({
            "api_domain": settings.api_domain.as_deref().unwrap_or(base),
            "token_type": "Bearer",
            "expires_in": settings.token_lifetime.as_secs(),
        });
        if settings.names_scopes {
            body["scope"] = settings.scopes.join(" ").into();
        }
        if exchange.is_some() {
            body["refresh_token"] = refresh_token.into();
        }
        body["access_token"] = self.make_token(place, refresh_token, now).into();
        Draft::ok(body)
    }

    pub(super) fn make_token(&mut self, place: usize, refresh_token: &str, now: Timestamp) -> String {
        self.tokens_made += 1;
        let account = &mut self.accounts[place];
        let name = format!("1000.sim.{}.{}", account.name, self.tokens_made);
        let expires = now.saturating_add(account.settings.token_lifetime).unwrap_or(Timestamp::MAX);
        let active = account.grants.active.entry(refresh_token.to_owned()).or_default();
        active.push_back(name.clone());
        if active.len() > MOST_ACTIVE
            && let Some(oldest) = active.pop_front()
        {
            self.tokens.remove(&oldest);
        }
        self.tokens.insert(name.clone(), Token { place, expires });
        name
    }

    /// Revokes a refresh token with its access tokens, or one access token.
    pub(super) fn revoke(&mut self, fields: &HashMap<String, String>) -> Draft {
        let Some(token) = fields.get("token").filter(|token| !token.is_empty()) else {
            return Draft::empty(400);
        };
        if self.tokens.remove(token).is_none() {
            for account in &mut self.accounts {
                if account.settings.refresh_token.as_ref().is_none_or(|own| own == token) {
                    account.grants.revoked.insert(token.clone());
                }
                for killed in account.grants.active.remove(token).unwrap_or_default() {
                    self.tokens.remove(&killed);
                }
            }
        }
        Draft::ok(json!({"status": "success"}))
    }
}
