// Says in the alert region why a request failed, and marks what a request is about to replace.
"use strict";

(() => {
  const region = document.getElementById("alert");
  const dismiss = document.querySelector("[data-dismiss]");

  function say(sentence) {
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
  function sentenceOf(xhr) {
    const isText = (xhr.getResponseHeader("Content-Type") || "").startsWith("text/plain");
    const own = isText && xhr.responseText.length < 400 ? xhr.responseText.trim() : "";
    const sentence = own || region.getAttribute(`data-${xhr.status}`) || region.dataset.failed;
    return sentence.replace("{wait}", waitWords(xhr.getResponseHeader("Retry-After") || ""));
  }

  function setBusy({ type, detail }) {
    if (type === "htmx:beforeRequest") detail.target?.setAttribute("aria-busy", "true");
    else detail.target?.removeAttribute("aria-busy");
  }

  function clearAfterSuccess({ detail }) {
    // Polling succeeds all the time; only what the person asked for takes a message away.
    if (detail.successful && detail.requestConfig?.triggeringEvent?.isTrusted) say("");
  }

  dismiss.addEventListener("click", () => say(""));
  document.addEventListener("htmx:beforeRequest", setBusy);
  document.addEventListener("htmx:afterRequest", setBusy);
  document.addEventListener("htmx:afterRequest", clearAfterSuccess);
  document.addEventListener("htmx:responseError", ({ detail }) => say(sentenceOf(detail.xhr)));
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, () => say(region.dataset.unreachable));
  }
  document.addEventListener("htmx:swapError", () => say(region.dataset.failed));
})();
