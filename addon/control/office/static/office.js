/* The office's own script: times in the reader's zone, keys, and care for what is being typed. */
"use strict";

(() => {
  const days = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

  const localTimes = (within) => {
    const today = days.format(new Date());
    for (const shown of within.querySelectorAll("time[datetime]:not([data-local])")) {
      const instant = new Date(shown.dateTime);
      if (Number.isNaN(instant.getTime())) continue;
      const day = days.format(instant);
      shown.textContent = (day === today ? "" : `${day} `) + clock.format(instant);
      shown.title = whole.format(instant);
      shown.dataset.local = "";
    }
  };

  const items = () => [...document.querySelectorAll("[data-list] [data-item]")];
  const chosen = () => document.activeElement?.closest?.("[data-item]") ?? null;
  const typing = (element) =>
    element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement ||
    element instanceof HTMLSelectElement || element?.isContentEditable;

  const move = (step) => {
    const all = items();
    if (!all.length) return;
    const at = all.indexOf(chosen());
    const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  };

  // a and d do not decide: they go to the reason, and Enter there decides.
  let intended = null;
  const answer = (kind) => {
    const item = chosen() ?? (items().length === 1 ? items()[0] : null);
    const button = item?.querySelector(`[data-${kind}]:not(:disabled)`);
    const reason = item?.querySelector("[data-answer] input[name=reason]");
    if (!button || !reason) return;
    intended = button;
    reason.focus();
    say(`${button.textContent.trim()}: type a reason, if there is one, then Enter. Escape to leave it.`);
  };
  const say = (text) => {
    const place = document.getElementById("said");
    if (place) place.textContent = text;
  };

  const go = { wanted: false };
  const keys = {
    j: () => move(1),
    k: () => move(-1),
    a: () => answer("approve"),
    d: () => answer("deny"),
    "/": () => {
      const search = document.querySelector("input[type=search]");
      if (search) { search.focus(); search.select(); }
      else location.assign("/audit");
    },
    g: () => { go.wanted = true; setTimeout(() => { go.wanted = false; }, 1500); },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target)) {
      if (event.key === "Escape") { intended = null; say(""); (chosen() ?? event.target).focus(); event.target.blur(); }
      if (event.key === "Enter" && intended && intended.form === event.target.form) {
        event.preventDefault();
        intended.form.requestSubmit(intended);
      }
      return;
    }
    if (go.wanted) {
      go.wanted = false;
      const letter = event.key.toLowerCase();
      const page = [...document.querySelectorAll(".top nav a")].filter((link) => link.textContent.trim().toLowerCase().startsWith(letter));
      if (page.length) {
        const here = page.findIndex((link) => link.hasAttribute("aria-current"));
        page[(here + 1) % page.length].click();
        event.preventDefault();
        return;
      }
    }
    if (event.key === "Enter" && event.target.matches?.("[data-item][data-href]")) {
      location.assign(event.target.dataset.href);
      return;
    }
    const work = keys[event.key];
    if (work) { event.preventDefault(); work(); }
  });

  document.addEventListener("focusin", (event) => {
    if (intended && intended.form !== event.target.form) intended = null;
  });

  // A form is sent once.
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post" || event.defaultPrevented) return;
    if (event.target.dataset.sent !== undefined) { event.preventDefault(); return; }
    event.target.dataset.sent = "";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  // What renews itself waits while somebody works in it, and keeps the choice.
  const busy = (part) => {
    const active = document.activeElement;
    return part.contains(active) && (typing(active) || active instanceof HTMLButtonElement);
  };
  const late = new Set();
  document.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.detail.elt;
    if (part.matches?.("[hx-trigger^='sse:']") && busy(part)) { event.preventDefault(); late.add(part); }
  });
  document.addEventListener("focusout", () => setTimeout(() => {
    for (const part of late) {
      if (!busy(part)) { late.delete(part); htmx.trigger(part, "sse:approvals"); }
    }
  }, 50));
  let kept = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const item = chosen();
    kept = item && event.detail.target.contains(item) ? item.dataset.id ?? item.dataset.href : null;
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    localTimes(event.detail.target ?? document);
    if (kept === null) return;
    items().find((item) => (item.dataset.id ?? item.dataset.href) === kept)?.focus({ preventScroll: true });
    kept = null;
  });

  const start = () => {
    localTimes(document);
    const link = document.querySelector("form[data-link] input[name=link]");
    if (link && location.hash.length > 1) {
      link.value = location.hash.slice(1);
      history.replaceState(null, "", location.pathname);
    }
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
