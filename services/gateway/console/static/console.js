"use strict";
// Keeps an open page up to date from the live stream: counts in their places, a case's page when that case changes.

const words = {
  waiting: "Connecting…",
  live: "Live",
  lost: "Connection lost, trying again…",
};

let source = null;
// Whether something may have changed while nobody listened.
let missed = false;
let refreshing = false;
let again = false;

function tell(state) {
  for (const each of document.querySelectorAll("[data-live]")) {
    each.dataset.live = state;
    each.querySelector("[data-live-words]").textContent = words[state];
  }
}

function countOf(figures, key) {
  if (key === "total") return Object.values(figures.stages).reduce((sum, count) => sum + count, 0);
  const dot = key.indexOf(".");
  return figures[key.slice(0, dot)][key.slice(dot + 1)] ?? 0;
}

function showFigures(figures) {
  for (const place of document.querySelectorAll("[data-count]")) {
    const text = countOf(figures, place.dataset.count).toLocaleString("en");
    if (place.textContent === text) continue;
    place.textContent = text;
    place.classList.remove("changed");
    requestAnimationFrame(() => place.classList.add("changed"));
  }
  const known = (group, code) => document.querySelector(`[data-count="${CSS.escape(group)}.${CSS.escape(code)}"]`);
  const isNew = ["corridors", "offices"].some((group) => Object.keys(figures[group]).some((code) => !known(group, code)));
  if (isNew) refresh("#breakdown");
  document.dispatchEvent(new CustomEvent("homeward:figures"));
}

// One at a time: what changes meanwhile is seen by the next.
async function refresh(part) {
  if (refreshing) {
    again = true;
    return;
  }
  refreshing = true;
  const focused = document.activeElement.closest(`${part} a`)?.getAttribute("href");
  try {
    await htmx.ajax("GET", location.href, { target: part, select: part, swap: "outerHTML" });
    if (focused) document.querySelector(`${part} a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  } finally {
    refreshing = false;
    if (again) {
      again = false;
      refresh(part);
    }
  }
}

function changed(event) {
  const told = JSON.parse(event.data);
  if (document.querySelector("[data-live-figures]")) showFigures(told.figures);
  const page = document.querySelector("[data-live-case]");
  if (!page) return;
  if (missed || told.reload || told.cases.some((each) => each.case_id === page.dataset.liveCase)) refresh("#case");
  missed = false;
}

function open() {
  const watches = document.body.dataset.watches;
  if (source || document.hidden || !watches || !document.querySelector("[data-live]")) return;
  tell("waiting");
  source = new EventSource(`/api/stream?purpose=${watches}`);
  source.addEventListener("open", () => tell("live"));
  source.addEventListener("changed", changed);
  source.addEventListener("error", () => {
    tell("lost");
    // The browser itself comes back after a cut, but not after a refusal.
    if (source.readyState === EventSource.CLOSED) comeBack();
  });
}

function close() {
  source?.close();
  source = null;
  missed = true;
}

async function comeBack() {
  close();
  const answer = await fetch("/api/me").catch(() => null);
  // Signed out meanwhile: the page itself leads to the sign-in.
  if (answer?.status === 401) location.reload();
  else setTimeout(open, 3000 + 4000 * Math.random());
}

// A browser holds six connections to one host: a page that nobody looks at must not keep one.
document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
window.addEventListener("pagehide", close);
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
open();
