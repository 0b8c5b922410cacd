//! The set-ups in examples/ that belong to other programs: what they say to Calloff, it understands.

#![allow(clippy::unwrap_used, reason = "a check that can't be made fails its test")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use support::daemon::Daemon;
use support::program::{Done, Place};
use support::web;
use yaml_rust2::{Yaml, YamlLoader};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// The documents of a YAML file.
fn yaml(name: &str) -> Vec<Yaml> {
    let text = std::fs::read_to_string(example(name)).unwrap();
    YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn string(value: &Yaml) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value:?} is no string"))
}

fn strings(values: &Yaml) -> Vec<&str> {
    values.as_vec().unwrap_or_else(|| panic!("{values:?} is no list")).iter().map(string).collect()
}

fn calloff(folder: &Path, args: &[&str]) -> Done {
    Done::from(support::program::calloff().current_dir(folder).args(args).output().unwrap())
}

/// Writes a `ConfigMap` as a kubelet does: the files are links into a folder that is exchanged as a whole.
fn mount(map: &Yaml, folder: &Path) {
    let revision = folder.join("..2026_11_24_12_00_00.1");
    std::fs::create_dir_all(&revision).unwrap();
    std::os::unix::fs::symlink(revision.file_name().unwrap(), folder.join("..data")).unwrap();
    for (name, text) in map["data"].as_hash().unwrap() {
        std::fs::write(revision.join(string(name)), string(text)).unwrap();
        std::os::unix::fs::symlink(format!("..data/{}", string(name)), folder.join(string(name))).unwrap();
    }
}

#[test]
fn the_config_maps_are_valid_where_the_pod_mounts_them() {
    let [settings, jobs] = yaml("kubernetes/config.yaml").try_into().unwrap();
    let folder = tempfile::tempdir().unwrap();
    mount(&settings, folder.path());
    mount(&jobs, &folder.path().join("jobs"));
    let done = calloff(folder.path(), &["--config", "calloff.toml", "check"]);
    assert_eq!((done.code, done.stdout.as_str()), (0, ""), "{}", done.stderr);
    assert!(done.stderr.contains("1 valid job read"), "{}", done.stderr);
}

#[test]
fn the_pod_mounts_what_there_is_and_may_do_nothing_else() {
    let config = yaml("kubernetes/config.yaml");
    let [claim, cron] = yaml("kubernetes/cronjob.yaml").try_into().unwrap();
    let pod = &cron["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let maps: Vec<&str> = config.iter().map(|map| string(&map["metadata"]["name"])).collect();
    let volumes = pod["volumes"].as_vec().unwrap();
    let mounted: Vec<&str> =
        volumes.iter().filter_map(|volume| volume["configMap"]["name"].as_str()).collect();
    assert_eq!(mounted, maps);
    let claimed = volumes.iter().find_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str());
    assert_eq!(claimed, claim["metadata"]["name"].as_str());

    assert_eq!(strings(&claim["spec"]["accessModes"]), ["ReadWriteOnce"], "a Pod that looks is let in, too");

    let mounts = container["volumeMounts"].as_vec().unwrap();
    let at = |volume: &str| {
        let mount = mounts.iter().find(|mount| mount["name"].as_str() == Some(volume)).unwrap();
        string(&mount["mountPath"])
    };
    assert_eq!(mounts.len(), volumes.len());
    let settings = string(&config[0]["data"]["calloff.toml"]);
    assert!(settings.contains(&format!("state = \"sqlite:{}/", at("state"))), "{settings}");
    assert_eq!(at("jobs"), format!("{}/jobs", at("config")));
    let credentials = &container["env"][0];
    assert_eq!(credentials["name"].as_str(), Some("CREDENTIALS_DIRECTORY"));
    assert_eq!(credentials["value"].as_str(), Some(at("credentials")));

    assert_eq!(pod["securityContext"]["runAsNonRoot"].as_bool(), Some(true));
    let rights = &container["securityContext"];
    assert_eq!(rights["readOnlyRootFilesystem"].as_bool(), Some(true));
    assert_eq!(rights["allowPrivilegeEscalation"].as_bool(), Some(false));
    assert_eq!(strings(&rights["capabilities"]["drop"]), ["ALL"]);
}

#[test]
fn the_daemon_is_the_same_pod_with_probes_that_it_answers() {
    let config = yaml("kubernetes/config.yaml");
    let [claim, cron] = yaml("kubernetes/cronjob.yaml").try_into().unwrap();
    let [own_claim, deployment] = yaml("kubernetes/deployment.yaml").try_into().unwrap();
    assert_eq!(own_claim, claim);
    let (spec, once) = (&deployment["spec"], &cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]);
    assert_eq!((spec["replicas"].as_i64(), spec["strategy"]["type"].as_str()), (Some(1), Some("Recreate")));
    assert_eq!(spec["selector"]["matchLabels"], spec["template"]["metadata"]["labels"]);
    let pod = &spec["template"]["spec"];
    for key in ["automountServiceAccountToken", "terminationGracePeriodSeconds", "securityContext", "volumes"]
    {
        assert!(!pod[key].is_badvalue(), "{key}");
        assert_eq!(pod[key], once[key], "{key}");
    }
    let (container, other) = (&pod["containers"][0], &once["containers"][0]);
    for key in ["image", "env", "securityContext", "resources", "volumeMounts"] {
        assert!(!container[key].is_badvalue(), "{key}");
        assert_eq!(container[key], other[key], "{key}");
    }
    assert_eq!(strings(&container["args"]), ["--config", "/etc/calloff/calloff.toml", "run"]);

    let settings = string(&config[0]["data"]["calloff.toml"]);
    let port = container["ports"][0]["containerPort"].as_i64().unwrap();
    assert!(settings.contains(&format!("listen = \"0.0.0.0:{port}\"")), "{settings}");
    for (probe, path) in [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
        let asked = &container[probe]["httpGet"];
        assert_eq!(asked["path"].as_str(), Some(path));
        assert_eq!(asked["port"].as_str(), container["ports"][0]["name"].as_str());
    }
    // Each credential is one that the README puts there.
    let readme = std::fs::read_to_string(example("kubernetes/README.md")).unwrap();
    let credentials = settings.split("{ credential = \"").skip(1).filter_map(|rest| rest.split('"').next());
    for credential in credentials {
        assert!(readme.contains(&format!("--from-file={credential}")), "{credential}");
    }
}

#[test]
fn what_the_daemon_of_the_pod_listens_for_are_its_probes() {
    let settings = yaml("kubernetes/config.yaml");
    let settings = string(&settings[0]["data"]["calloff.toml"]);
    let http = settings.split("[http]").nth(1).unwrap().split("\n[").next().unwrap();
    let http = http.replace("0.0.0.0:9817", "0.0.0.0:0");
    let job = "backups = [\"current\"]\n[schedule]\nevery = \"10m\"\n";
    let place = Place::new("[accounts.acme]\n", "", &[("often", job)]);
    place.append(&format!("[http] {http}"));
    place.write("credentials/http-token", "canary");
    std::fs::set_permissions(place.path("credentials/http-token"), PermissionsExt::from_mode(0o600)).unwrap();
    let credentials = place.path("credentials");
    let environment = [("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())];
    let daemon = Daemon::start_with(&place, &["run"], &environment);
    let listening = daemon.wait_for(&place, "http.listening", 1);
    assert_eq!(listening["needs_token"], true);
    let address = listening["address"].as_str().unwrap().replace("0.0.0.0", "127.0.0.1");
    let statuses = ["/healthz", "/readyz", "/metrics"].map(|path| web::get(&address, path).status);
    assert_eq!(statuses, [200, 200, 401]);
}

#[test]
fn what_the_pod_runs_works() {
    let [_, cron] = yaml("kubernetes/cronjob.yaml").try_into().unwrap();
    let container = &cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    let place = Place::new(
        "[[accounts.acme.backups]]\nid = \"42\"\n",
        "",
        &[("often", "backups = [\"current\"]\n[schedule]\nevery = \"10m\"\n")],
    );
    let args: Vec<&str> = strings(&container["args"])
        .into_iter()
        .map(|arg| if arg == "/etc/calloff/calloff.toml" { "calloff.toml" } else { arg })
        .collect();
    let done = place.run(&args);
    assert_eq!((done.code, done.stdout.as_str()), (0, ""), "the first run on a fresh state: {}", done.stderr);

    // What the README says of a pod without a volume.
    let readme = std::fs::read_to_string(example("kubernetes/README.md")).unwrap();
    let without = "once --json --since 10m";
    assert!(readme.contains(&format!("`{without}`")));
    std::fs::remove_dir_all(place.path("state")).unwrap();
    let done = place.run(&without.split(' ').collect::<Vec<_>>());
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.json().iter().any(|run| run["state"] == "succeeded"), "{}", done.stdout);
}

#[test]
fn the_pod_of_a_deployment_answers_what_the_readme_asks() {
    let readme = std::fs::read_to_string(example("kubernetes/README.md")).unwrap();
    let (_, command) = readme.split_once("exec deploy/calloff -- /usr/bin/calloff ").expect("it shows one");
    let (command, _) = command.split_once('`').unwrap();
    let place = Place::new(
        "[accounts.acme]\n",
        "",
        &[("often", "backups = [\"current\"]\n[schedule]\nevery = \"10m\"\n")],
    );
    let args = command.replace("/etc/calloff/calloff.toml", "calloff.toml");
    let done = place.run(&args.split(' ').collect::<Vec<_>>());
    assert!(done.stdout.contains("often"), "{}{}", done.stdout, done.stderr);
}

#[test]
fn the_workflow_runs_what_calloff_understands() {
    let workflow = &yaml("ci/calloff.yml")[0];
    let steps = workflow["jobs"]["check"]["steps"].as_vec().unwrap();
    let commands: Vec<&str> =
        steps.iter().filter_map(|step| step["run"].as_str()?.strip_prefix("calloff ")).collect();
    assert_eq!(commands.len(), 2);
    for command in commands {
        let args: Vec<&str> = command.split_whitespace().take_while(|word| *word != ">>").collect();
        let done = calloff(&example("many-accounts"), &args);
        assert_eq!(done.code, 0, "{command}: {}", done.stderr);
    }

    let wrong = tempfile::tempdir().unwrap();
    std::fs::write(wrong.path().join("calloff.toml"), "zone = \"UTC\"\n").unwrap();
    let done = calloff(wrong.path(), &["--config", "calloff.toml", "check", "--format", "github"]);
    assert_eq!(done.code, 78);
    assert!(done.stdout.starts_with("::error file=calloff.toml,line=1"), "{}", done.stdout);
}

#[test]
fn the_role_copies_valid_files_and_tells_handlers_that_exist() {
    let role = "ansible/roles/calloff";
    let tasks = &yaml(&format!("{role}/tasks/main.yml"))[0];
    let handlers = &yaml(&format!("{role}/handlers/main.yml"))[0];
    let names: Vec<&str> =
        handlers.as_vec().unwrap().iter().map(|handler| string(&handler["name"])).collect();
    let mut checked = false;
    for task in tasks.as_vec().unwrap() {
        if let Some(handler) = task["notify"].as_str() {
            assert!(names.contains(&handler), "no handler `{handler}`");
        }
        let command = &task["ansible.builtin.command"]["argv"];
        if command[0].as_str() == Some("calloff") {
            let place = example("ansible/files/calloff.toml");
            let args: Vec<&str> = strings(command)
                .into_iter()
                .skip(1)
                .map(|arg| if arg.ends_with("calloff.toml") { place.to_str().unwrap() } else { arg })
                .collect();
            let done = calloff(&example(""), &args);
            assert_eq!((done.code, done.stdout.as_str()), (0, ""), "{}", done.stderr);
            checked = true;
        }
    }
    assert!(checked, "the role checks what it has copied");

    let settings = std::fs::read_to_string(example("ansible/files/calloff.toml")).unwrap();
    let play = &yaml("ansible/playbook.yml")[0][0]["roles"][0]["vars"];
    let defaults = &yaml(&format!("{role}/defaults/main.yml"))[0];
    for (secret, _) in play["calloff_credentials"].as_hash().unwrap() {
        assert!(settings.contains(&format!("credential = \"{}\"", string(secret))), "{secret:?} is not used");
    }
    for (variable, _) in play.as_hash().unwrap() {
        assert!(!defaults[string(variable)].is_badvalue(), "{variable:?} is no variable of the role");
    }
}

#[test]
fn the_role_writes_secrets_when_nothing_can_refuse_the_play_any_more() {
    let tasks = &yaml("ansible/roles/calloff/tasks/main.yml")[0];
    let position = |is_it: &dyn Fn(&Yaml) -> bool| tasks.as_vec().unwrap().iter().position(is_it).unwrap();
    let check = position(&|task| task["ansible.builtin.command"]["argv"][0].as_str() == Some("calloff"));
    let sync = position(&|task| task["notify"].as_str() == Some("Reload calloff"));
    let secrets = position(&|task| task["notify"].as_str() == Some("Restart calloff"));
    assert!(check < sync && sync < secrets, "else the next play finds them unchanged, and restarts nothing");
}

#[test]
fn the_playbook_is_for_the_machine_that_its_readme_names() {
    let readme = std::fs::read_to_string(example("ansible/README.md")).unwrap();
    let command = readme.lines().find(|line| line.starts_with("ansible-playbook ")).unwrap();
    let (_, inventory) = command.split_once("-i ").expect("it names an inventory");
    // With a comma it is a list of machines, which are in no group but `all`.
    let machines: Vec<&str> = inventory.split(' ').next().unwrap().split(',').collect();
    assert!(machines.len() > 1, "{command}");
    let hosts = string(&yaml("ansible/playbook.yml")[0][0]["hosts"]).to_owned();
    assert!(hosts == "all" || machines.contains(&hosts.as_str()), "`hosts: {hosts}` is none of {machines:?}");
    assert!(command.contains(" --ask-vault-pass "), "vault.yml is encrypted");
    assert!(example("ansible").join(command.split(' ').next_back().unwrap()).exists(), "{command}");
}
