//! Every documented code comes with the documented status and in the documented envelope.

use serde_json::json;

use super::support::Zoho;
use calloff_sim::Code;

const ID: &str = "4876876000001593003";

const CANCEL: (&str, &str) = ("PUT", "/crm/bulk/v8/backup/4876876000001593003/actions/cancel");

#[tokio::test]
async fn each_state_and_mistake_has_its_documented_error() {
    let scheduled = "[[accounts.acme.backups]]\nid = '4876876000001593003'";
    let stopped = "[[accounts.acme.backups]]\nid = '4876876000001593003'\nstatus = 'STOPPED'";
    let running = "[[accounts.acme.backups]]\nid = '4876876000001593003'\nstatus = 'INPROGRESS'";
    let schedule = ("POST", "/crm/bulk/v8/backup");
    #[rustfmt::skip]
    let table = [
        // scenario, call, body, status, wrapped, code
        (stopped, CANCEL, "", 400, true, "ALREADY_CANCELLED"),
        (running, CANCEL, "", 400, true, "INPROGRESS"),
        ("", CANCEL, "", 400, false, "RESOURCE_NOT_FOUND"),
        (scheduled, ("POST", CANCEL.1), "", 400, false, "INVALID_REQUEST_METHOD"),
        (scheduled, ("GET", CANCEL.1), "", 400, false, "INVALID_REQUEST_METHOD"),
        (scheduled, ("DELETE", "/crm/bulk/v8/backup"), "", 400, false, "INVALID_REQUEST_METHOD"),
        ("scopes = ['ZohoCRM.bulk.backup.READ']", CANCEL, "", 401, false, "OAUTH_SCOPE_MISMATCH"),
        ("scopes = ['ZohoCRM.bulk.ALL']", CANCEL, "", 401, false, "OAUTH_SCOPE_MISMATCH"),
        ("scopes = ['ZohoCRM.bulk.backup.UPDATE']", ("GET", "/crm/bulk/v8/backup"), "", 401, false, "OAUTH_SCOPE_MISMATCH"),
        ("scopes = ['ZohoCRM.bulk.backup.UPDATE']", schedule, "", 401, false, "OAUTH_SCOPE_MISMATCH"),
        ("no_permission = true", CANCEL, "", 403, false, "NO_PERMISSION"),
        (scheduled, ("PUT", "/crm/bulk/v8/backup//actions/cancel"), "", 404, false, "INVALID_URL_PATTERN"),
        (scheduled, ("PUT", "/crm/bulk/v8/backup/12a/actions/cancel"), "", 404, false, "INVALID_URL_PATTERN"),
        (scheduled, ("PUT", "/crm/v8/bulk/backup/12/actions/cancel"), "", 404, false, "INVALID_URL_PATTERN"),
        (scheduled, ("GET", "/crm/bulk/v8/backup/12"), "", 404, false, "INVALID_URL_PATTERN"),
        (scheduled, ("GET", "/crm/bulk/v8/backup/history/1/2/3/4/5"), "", 404, false, "INVALID_URL_PATTERN"),
        (scheduled, ("GET", "/crm/bulk/v2/backup"), "", 400, false, "API_NOT_SUPPORTED"),
        ("faults.cancel = ['INTERNAL_ERROR']", CANCEL, "", 500, false, "INTERNAL_ERROR"),
        ("faults.cancel = ['INTERNAL_SERVER_ERROR']", CANCEL, "", 500, false, "INTERNAL_SERVER_ERROR"),
        ("faults.cancel = ['429']", CANCEL, "", 429, false, "TOO_MANY_REQUESTS"),
        (scheduled, schedule, "", 400, true, "BACKUP_ALREADY_SCHEDULED"),
        ("", schedule, r#"{"backup":{"rrule":"nonsense"}}"#, 400, true, "INVALID_DATA"),
        ("", schedule, r#"{"backup":{"rrule":7}}"#, 400, true, "INVALID_DATA"),
        ("", schedule, "{", 400, false, "REQUEST_BODY_NOT_READABLE"),
        ("backup_limit = 0", schedule, "{}", 400, true, "LIMIT_EXCEEDED"),
    ];
    for (scenario, (method, path), body, status, wrapped, code) in table {
        let zoho = Zoho::with(scenario).await;
        let reply = zoho.call(method, path, body).await.unwrap();
        let why = format!("{method} {path} with {scenario:?}: {}", reply.text());
        let json = reply.json();
        let inner = if wrapped { &json["backup"] } else { &json };
        assert_eq!(reply.status, status, "{why}");
        assert_eq!(inner["code"], code, "{why}");
        assert_eq!(inner["status"], "error", "{why}");
        assert!(inner["message"].is_string() && inner["details"].is_object(), "{why}");
        zoho.stop().await;
    }
}

#[tokio::test]
async fn a_code_names_the_details_that_are_documented() {
    let zoho = Zoho::with("[[accounts.acme.backups]]\nid = '4876876000001593003'").await;
    let reply = zoho.call("POST", "/crm/bulk/v8/backup", "").await.unwrap();
    assert_eq!(reply.json()["backup"]["details"], json!({ "id": ID }));
    zoho.cancel(ID).await.unwrap();
    let reply = zoho.cancel(ID).await.unwrap();
    assert_eq!(reply.json()["backup"]["details"], json!({ "id": ID }));
    let reply = zoho.call("POST", "/crm/bulk/v8/backup", r#"{"backup":{"rrule":"x"}}"#).await.unwrap();
    let details = json!({"api_name": "rrule", "json_path": "$.backup.rrule"});
    assert_eq!(reply.json()["backup"]["details"], details);
    let reply = zoho.call("GET", "/crm/bulk/v99/backup", "").await.unwrap();
    assert_eq!(reply.json()["details"], json!({"supported_version": 8}));
}

#[tokio::test]
async fn the_right_that_is_denied_is_named_by_endpoint() {
    let zoho = Zoho::with("no_permission = true").await;
    let reply = zoho.cancel(ID).await.unwrap();
    assert_eq!(reply.json()["message"], "Permission denied to create");
    let reply = zoho.call("GET", "/crm/bulk/v8/backup", "").await.unwrap();
    assert_eq!(reply.json()["message"], "Permission denied to read");
}

#[tokio::test]
async fn a_missing_header_and_a_strange_token_are_told_apart() {
    let zoho = Zoho::with("").await;
    for (header, code) in [
        ("", "AUTHENTICATION_FAILURE"),
        ("Authorization: Zoho-oauthtoken \r\n", "AUTHENTICATION_FAILURE"),
        ("Authorization: Bearer 1000.sim.acme.1\r\n", "AUTHENTICATION_FAILURE"),
        ("Authorization: Zoho-oauthtoken 1000.somebody.else\r\n", "INVALID_TOKEN"),
    ] {
        let reply = zoho.send("GET", "/crm/bulk/v8/backup", header, "").await.unwrap();
        assert_eq!((reply.status, &reply.json()["code"]), (401, &json!(code)), "{header}");
    }
}

#[tokio::test]
async fn every_code_can_be_asked_for_by_a_scenario() {
    let words: Vec<String> = Code::ALL.iter().map(|code| format!("'{}'", code.as_str())).collect();
    let zoho = Zoho::with(&format!("faults.cancel = [{}]", words.join(", "))).await;
    for code in Code::ALL {
        let reply = zoho.cancel(ID).await.unwrap();
        assert_eq!(reply.status, code.status(), "{code:?}");
        assert!(reply.text().contains(&format!(r#""code":"{}""#, code.as_str())), "{}", reply.text());
    }
}

#[tokio::test]
async fn every_version_from_3_to_8_is_served() {
    let zoho = Zoho::with("").await;
    for version in ["v3", "v4", "v5", "v6", "v7", "v8", "v8.0"] {
        let reply = zoho.call("GET", &format!("/crm/bulk/{version}/backup"), "").await.unwrap();
        assert_eq!(reply.status, 204, "{version}");
    }
}
