//! Backups change as they are asked to.

use serde_json::json;

use super::support::Zoho;

const ID: &str = "4876876000001593003";
const RECURRING: &str = r#"{"backup":{"rrule":"RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"}}"#;

#[tokio::test]
async fn a_cancelled_backup_is_stopped_and_stays_so() {
    let zoho = Zoho::with(
        "[[accounts.acme.backups]]\nid = '4876876000001593003'\nrrule = 'RRULE:FREQ=WEEKLY'\n\
         scheduled_date = '2999-07-26T09:58:45+05:30'",
    )
    .await;
    let reply = zoho.call("GET", "/crm/bulk/v8/backup", "").await.unwrap();
    let wanted = json!({"backup": {
        "id": ID,
        "scheduled_date": "2999-07-26T09:58:45+05:30",
        "start_date": "2999-07-26T09:58:45+05:30",
        "rrule": "RRULE:FREQ=WEEKLY",
        "requester": {"id": "4876876000000327001", "name": "Ada Admin", "zuid": "744782135"},
        "status": "SCHEDULED",
    }});
    assert_eq!(reply.json(), wanted);

    let reply = zoho.cancel(ID).await.unwrap();
    let wanted = json!({"backup": {
        "status": "success",
        "code": "SUCCESS",
        "message": "Backup stopped successfully.",
        "details": {"id": ID},
    }});
    assert_eq!((reply.status, reply.json()), (200, wanted));

    let reply = zoho.call("GET", "/crm/bulk/v8/backup", "").await.unwrap();
    assert_eq!(reply.json()["backup"]["status"], "STOPPED");
    let reply = zoho.call("GET", "/crm/bulk/v8/backup/history", "").await.unwrap();
    assert_eq!(reply.json()["history"][0]["action"], "stopped");
    assert_eq!(reply.json()["history"][0]["repeat_type"], "weekly");
}

#[tokio::test]
async fn a_rule_schedules_a_new_backup_once_the_old_one_is_stopped() {
    let zoho = Zoho::with("").await;
    assert_eq!(zoho.call("GET", "/crm/bulk/v8/backup", "").await.unwrap().status, 204);
    let reply = zoho.call("POST", "/crm/bulk/v8/backup", RECURRING).await.unwrap();
    assert_eq!(reply.json()["backup"]["code"], "SUCCESS");
    let id = reply.json()["backup"]["details"]["id"].as_str().unwrap().to_owned();

    let shown = zoho.call("GET", "/crm/bulk/v8/backup", "").await.unwrap().json();
    assert_eq!(shown["backup"]["id"], id);
    assert_eq!(shown["backup"]["rrule"], "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU");
    assert!(shown["backup"]["scheduled_date"].is_string());

    zoho.cancel(&id).await.unwrap();
    let reply = zoho.call("POST", "/crm/bulk/v8/backup", RECURRING).await.unwrap();
    assert_ne!(reply.json()["backup"]["details"]["id"], id);
}

#[tokio::test]
async fn a_post_without_a_rule_runs_at_once_and_has_no_dates() {
    for body in ["", "{}", r#"{"backup":{}}"#] {
        let zoho = Zoho::with("").await;
        let reply = zoho.call("POST", "/crm/bulk/v8/backup", body).await.unwrap();
        let id = reply.json()["backup"]["details"]["id"].as_str().unwrap().to_owned();
        let shown = zoho.call("GET", "/crm/bulk/v8/backup", "").await.unwrap().json();
        assert_eq!(shown["backup"]["status"], "INPROGRESS");
        assert!(shown["backup"]["scheduled_date"].is_null() && shown["backup"]["start_date"].is_null());
        assert_eq!(zoho.cancel(&id).await.unwrap().json()["backup"]["code"], "INPROGRESS");
    }
}

#[tokio::test]
async fn the_history_comes_in_pages_newest_first() {
    let rows = (1..=5).map(|day| format!("[[accounts.acme.history]]\nlog_time = '-{day}d'\ncount = {day}\n"));
    let zoho = Zoho::with(&rows.collect::<String>()).await;
    let reply = zoho.call("GET", "/crm/bulk/v8/backup/history?page=2&per_page=2", "").await.unwrap().json();
    let counts: Vec<_> =
        reply["history"].as_array().unwrap().iter().map(|row| row["count"].clone()).collect();
    assert_eq!(counts, [json!(3), json!(4)]);
    assert_eq!(reply["info"], json!({"page": 2, "per_page": 2, "count": 2, "more_records": true}));
    let reply = zoho.call("GET", "/crm/bulk/v8/backup/history?page=3&per_page=2", "").await.unwrap().json();
    assert_eq!(reply["info"]["more_records"], false);
    let reply = zoho.call("GET", "/crm/bulk/v8/backup/history?page=4&per_page=2", "").await.unwrap();
    assert_eq!((reply.status, reply.body.len()), (204, 0));
}

#[tokio::test]
async fn an_account_can_have_any_id() {
    let zoho = Zoho::with("unlisted = 'SCHEDULED'").await;
    assert_eq!(zoho.cancel("123").await.unwrap().json()["backup"]["code"], "SUCCESS");
    assert_eq!(zoho.cancel("123").await.unwrap().json()["backup"]["code"], "ALREADY_CANCELLED");
    assert_eq!(zoho.call("GET", "/crm/bulk/v8/backup", "").await.unwrap().status, 204);
}

#[tokio::test]
async fn the_urls_and_what_the_sdks_ask_first_are_answered() {
    let zoho = Zoho::with("").await;
    assert_eq!(zoho.call("GET", "/crm/bulk/v8/backup/urls", "").await.unwrap().status, 204);
    let reply = zoho.call("GET", "/crm/v8/users?type=CurrentUser", "").await.unwrap().json();
    assert_eq!(reply["users"][0]["status"], "active");
    let reply = zoho.call("GET", "/crm/v8/org", "").await.unwrap().json();
    assert!(reply["org"][0]["zgid"].is_string());
    assert_eq!(reply["org"][0]["time_zone"], "Etc/UTC");
}
