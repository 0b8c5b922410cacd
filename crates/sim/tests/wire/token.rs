//! The token endpoint.

use rstest::rstest;
use serde_json::json;

use super::support::{FORM, REFRESH, Zoho};

const TOKEN: &str = "/oauth/v2/token";

#[rstest]
#[case::urlencoded(TOKEN, FORM, REFRESH)]
#[case::a_query(
    "/oauth/v2/token?grant_type=refresh_token&client_id=any&client_secret=any&refresh_token=any",
    "",
    ""
)]
#[case::multipart(
    TOKEN,
    "Content-Type: multipart/form-data; boundary=----abc\r\n",
    "------abc\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nrefresh_token\r\n\
     ------abc\r\nContent-Disposition: form-data; name=\"client_id\"\r\n\r\nany\r\n\
     ------abc\r\nContent-Disposition: form-data; name=\"client_secret\"\r\n\r\nany\r\n\
     ------abc\r\nContent-Disposition: form-data; name=\"refresh_token\"\r\n\r\nany\r\n------abc--\r\n"
)]
#[tokio::test]
async fn a_token_is_made_for_every_way_to_ask(#[case] path: &str, #[case] headers: &str, #[case] body: &str) {
    let mut zoho = Zoho::with("").await;
    let reply = zoho.send("POST", path, headers, body).await.unwrap();
    let made = reply.json();
    zoho.token = made["access_token"].as_str().unwrap().to_owned();
    let wanted = json!({
        "access_token": zoho.token,
        "scope": "ZohoCRM.bulk.backup.ALL",
        "api_domain": zoho.running.url(),
        "token_type": "Bearer",
        "expires_in": 3600,
    });
    assert_eq!((reply.status, made), (200, wanted));
    assert_eq!(zoho.call("GET", "/crm/bulk/v8/backup", "").await.unwrap().status, 204);
    assert_eq!(zoho.running.world().lock().account("acme").unwrap().token_calls(), 1);
}

#[tokio::test]
async fn a_token_may_come_without_a_word_on_what_it_allows() {
    let zoho = Zoho::with("names_scopes = false\nscopes = ['ZohoCRM.bulk.backup.READ']").await;
    let made = zoho.send("POST", TOKEN, FORM, REFRESH).await.unwrap().json();
    assert!(made["access_token"].is_string() && made.get("scope").is_none(), "{made}");
}

#[tokio::test]
async fn wrong_credentials_are_refused_with_200() {
    let zoho = Zoho::with("client_id = 'c'\nclient_secret = 's'\nrefresh_token = 'r'").await;
    #[rustfmt::skip]
    let table = [
        ("grant_type=refresh_token&client_id=x&client_secret=s&refresh_token=r", "invalid_client"),
        ("grant_type=refresh_token&client_secret=s&refresh_token=r", "invalid_client"),
        ("grant_type=refresh_token&client_id=c&client_secret=x&refresh_token=r", "invalid_client_secret"),
        ("grant_type=refresh_token&client_id=c&client_secret=s&refresh_token=x", "invalid_code"),
        ("grant_type=password&client_id=c&client_secret=s&refresh_token=r", "invalid_client"),
    ];
    for (body, error) in table {
        let reply = zoho.send("POST", TOKEN, FORM, body).await.unwrap();
        assert_eq!((reply.status, reply.json()), (200, json!({"error": error})), "{body}");
    }
    let right = "grant_type=refresh_token&client_id=c&client_secret=s&refresh_token=r";
    assert!(zoho.send("POST", TOKEN, FORM, right).await.unwrap().json()["access_token"].is_string());
    assert_eq!(zoho.send("POST", TOKEN, FORM, "client_id=c").await.unwrap().status, 400);
    assert_eq!(zoho.send("GET", TOKEN, "", "").await.unwrap().status, 400);
}

#[rstest]
#[case("", 200)]
#[case("throttle_status = 400", 400)]
#[tokio::test]
async fn the_eleventh_token_in_ten_minutes_is_denied(#[case] scenario: &str, #[case] status: u16) {
    let zoho = Zoho::with(scenario).await;
    for _ in 0..10 {
        let reply = zoho.send("POST", TOKEN, FORM, REFRESH).await.unwrap();
        assert!(reply.json()["access_token"].is_string());
    }
    let reply = zoho.send("POST", TOKEN, FORM, REFRESH).await.unwrap();
    let wanted = json!({
        "error_description":
            "You have made too many requests continuously. Please try again after some time.",
        "error": "Access Denied",
        "status": "failure",
    });
    assert_eq!((reply.status, reply.json()), (status, wanted));
    let other = REFRESH.replace("refresh_token=any", "refresh_token=another");
    let reply = zoho.send("POST", TOKEN, FORM, &other).await.unwrap();
    assert!(reply.json()["access_token"].is_string(), "the limit is per refresh token");
}

#[tokio::test]
async fn the_words_for_tokens_do_what_they_say() {
    let zoho = Zoho::with(
        "faults.token = ['invalid_code', 'throttled-localised', 'no-expires-in', 'expires-in-millis', 'html-502', 'drop']",
    )
    .await;
    let mut replies = Vec::new();
    for _ in 0..6 {
        replies.push(zoho.send("POST", TOKEN, FORM, REFRESH).await);
    }
    let json = |n: usize| replies[n].as_ref().unwrap().json();
    assert_eq!(json(0), json!({"error": "invalid_code"}));
    assert_eq!((replies[1].as_ref().unwrap().status, json(1)["status"].clone()), (400, json!("failure")));
    assert!(json(2)["access_token"].is_string() && json(2).get("expires_in").is_none());
    assert_eq!(
        (json(3)["expires_in"].clone(), json(3)["expires_in_sec"].clone()),
        (json!(3_600_000), json!(3600))
    );
    assert_eq!(replies[4].as_ref().unwrap().status, 502);
    assert!(replies[5].is_err());
}

#[tokio::test]
async fn a_grant_code_is_exchanged_once_for_a_refresh_token() {
    let zoho = Zoho::with("grant_code = 'g'\nrefresh_token = 'r'").await;
    let exchange = "grant_type=authorization_code&client_id=any&client_secret=any&code=g";
    let reply = zoho.send("POST", TOKEN, FORM, exchange).await.unwrap();
    assert_eq!(reply.json()["refresh_token"], "r");
    let reply = zoho.send("POST", TOKEN, FORM, exchange).await.unwrap();
    assert_eq!(reply.json(), json!({"error": "invalid_code"}));
}

#[tokio::test]
async fn a_code_whose_answer_was_lost_is_used_up_and_one_that_was_refused_is_not() {
    let zoho = Zoho::with("grant_code = 'g'\nfaults.token = ['invalid_redirect_uri', 'drop-after']").await;
    let exchange =
        |code: &str| format!("grant_type=authorization_code&client_id=any&client_secret=any&code={code}");
    let answers = [
        json!({"error": "invalid_code"}),
        json!({"error": "invalid_redirect_uri"}),
        json!(null),
        json!({"error": "invalid_code"}),
    ];
    for (code, wanted) in ["another", "g", "g", "g"].into_iter().zip(answers) {
        let reply = zoho.send("POST", TOKEN, FORM, &exchange(code)).await;
        assert_eq!(reply.map_or(json!(null), |reply| reply.json()), wanted, "{code}");
    }
}

#[tokio::test]
async fn an_exchange_may_give_an_access_token_alone() {
    let zoho = Zoho::with("faults.token = ['no-refresh-token']").await;
    let exchange = "grant_type=authorization_code&client_id=any&client_secret=any&code=g";
    let made = zoho.send("POST", TOKEN, FORM, exchange).await.unwrap().json();
    assert!(made["access_token"].is_string() && made.get("refresh_token").is_none(), "{made}");
}

#[tokio::test]
async fn a_revoked_refresh_token_takes_its_access_tokens_with_it() {
    let mut zoho = Zoho::with("").await;
    let reply = zoho.send("POST", TOKEN, FORM, REFRESH).await.unwrap();
    zoho.token = reply.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(zoho.call("GET", "/crm/bulk/v8/backup", "").await.unwrap().status, 204);
    let reply = zoho.send("POST", "/oauth/v2/token/revoke?token=any", "", "").await.unwrap();
    assert_eq!(reply.json(), json!({"status": "success"}));
    assert_eq!(zoho.call("GET", "/crm/bulk/v8/backup", "").await.unwrap().json()["code"], "INVALID_TOKEN");
    let reply = zoho.send("POST", TOKEN, FORM, REFRESH).await.unwrap();
    assert_eq!(reply.json(), json!({"error": "invalid_code"}));
}

#[tokio::test]
async fn credentials_choose_the_account() {
    let zoho = Zoho::with("client_id = 'c'\n[accounts.globex]\n[accounts.initech]").await;
    let scenario = [("c", "acme"), ("initech", "initech"), ("nobody", "globex")];
    for (client, account) in scenario {
        let body = REFRESH.replace("client_id=any", &format!("client_id={client}"));
        zoho.send("POST", TOKEN, FORM, &body).await.unwrap();
        let world = zoho.running.world().lock();
        assert_eq!(world.seen().next_back().unwrap().account.as_deref(), Some(account));
    }
}
