// Says in the alert region why a request failed, and marks what a request is about to replace.
"use strict";

(() => {
  const region = document.getElementById("alert");
  const dismiss = document.querySelector("[data-dismiss]");

  let failing = ""; // the address whose failure is said

  function say(sentence, address = "") {
    failing = address;
    region.textContent = sentence;
    dismiss.hidden = sentence === "";
  }

  // Retry-After is a number of seconds or a date (RFC 9110, section 10.2.3).
  function waitWords(header) {
    const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
    if (!(seconds > 0)) return "1 min";
    return seconds < 100 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
  }

  // A short plain-text answer is a sentence that the site wrote for the person.
  function sentence(status, headers, text) {
    const isText = (headers.get("Content-Type") || "").startsWith("text/plain");
    const own = isText && text.length < 400 ? text.trim() : "";
    const words = own || region.getAttribute(`data-${status}`) || region.dataset.failed;
    return words.replace("{wait}", waitWords(headers.get("Retry-After") || ""));
  }

  function sentenceOf(xhr) {
    return sentence(xhr.status, { get: (name) => xhr.getResponseHeader(name) }, xhr.responseText);
  }

  function setBusy({ type, detail }) {
    if (type === "htmx:beforeRequest") detail.target?.setAttribute("aria-busy", "true");
    else detail.target?.removeAttribute("aria-busy");
  }

  function clearAfterSuccess({ detail }) {
    // Polling succeeds all the time; only what the person asked for takes every message away.
    const { path, triggeringEvent } = detail.requestConfig ?? {};
    if (detail.successful && (triggeringEvent?.isTrusted || (path && path === failing))) say("");
  }

  dismiss.addEventListener("click", () => say(""));
  document.addEventListener("htmx:beforeRequest", setBusy);
  document.addEventListener("htmx:afterRequest", setBusy);
  document.addEventListener("htmx:afterRequest", clearAfterSuccess);
  document.addEventListener("htmx:responseError", ({ detail }) => say(sentenceOf(detail.xhr), detail.requestConfig.path));
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, ({ detail }) => say(region.dataset.unreachable, detail.requestConfig.path));
  }
  document.addEventListener("htmx:swapError", () => say(region.dataset.failed));

  window.alerts = { say, sentence };
})();
