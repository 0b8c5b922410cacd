// Refreshes the page quietly: what has changed is put in place of what was, and nothing moves under a reader.
"use strict";

const EVERY = 5000;
const WITHIN = 10000;
const stale = document.getElementById("stale");
let asked = false;

// Whoever types or marks text is not disturbed.
function isBusy() {
  const active = document.activeElement;
  const types = active && (active.tagName === "INPUT" || active.tagName === "SELECT");
  const selection = document.getSelection();
  return document.hidden || types || (selection && !selection.isCollapsed);
}

// What a reader has opened, scrolled to or stands on, by the IDs of elements.
function remember(root) {
  const open = [...root.querySelectorAll("details[open][id]")].map((element) => element.id);
  const scrolled = [...root.querySelectorAll(".scroll[id]")].map((element) => [element.id, element.scrollLeft]);
  const active = document.activeElement;
  const links = active && active.tagName === "A" ? active.getAttribute("href") : null;
  return { open, scrolled, focus: active ? active.id : "", links };
}

function recall({ open, scrolled, focus, links }, root) {
  for (const id of open) {
    const element = document.getElementById(id);
    if (element) element.open = true;
  }
  for (const [id, left] of scrolled) {
    const element = document.getElementById(id);
    if (element) element.scrollLeft = left;
  }
  const element = focus
    ? document.getElementById(focus)
    : links && [...root.querySelectorAll("a")].find((link) => link.getAttribute("href") === links);
  if (element && element !== document.activeElement) element.focus({ preventScroll: true });
}

function put(fresh) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (!next || next.innerHTML === part.innerHTML) continue;
    const state = remember(part);
    part.replaceChildren(...next.childNodes);
    recall(state, part);
  }
}

async function refresh() {
  if (asked || isBusy()) return;
  asked = true;
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(WITHIN) });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!isBusy()) put(fresh);
    stale.hidden = true;
  } catch {
    stale.hidden = false;
  } finally {
    asked = false;
  }
}

setInterval(refresh, EVERY);
document.addEventListener("visibilitychange", refresh);
