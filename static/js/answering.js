// What the classify page does beside htmx: says that another galaxy is there, offers to change the
// last answer for a while, warns before answers are lost, and shows help as a dialog on small screens.
"use strict";

(() => {
  const NARROW = matchMedia("(max-width: 59.99rem)");
  let shown = ""; // the galaxy on the page, by the id under which its answers will be stored
  let answered = ""; // the galaxy whose Done was pressed and has not been refused
  let isLeaving = false; // an answer of the server, or a form, leads to another page
  let timer = 0;

  function focusHeading() {
    document.getElementById("question-text")?.focus();
  }

  function withdraw(form) {
    const hadFocus = form.contains(document.activeElement);
    form.remove();
    if (hadFocus) focusHeading();
  }

  // Whoever brought the next galaxy, htmx or the queue of answers: the last one may be changed now.
  function offerChange(task) {
    const last = task.querySelector("#last");
    if (last && answered && answered === shown && !task.querySelector("#feedback:not(:empty)")) {
      for (const input of last.querySelectorAll("[name=classification]")) input.value = answered;
      last.hidden = false;
    }
    clearTimeout(timer);
    const form = last?.querySelector("form[data-seconds]");
    if (form) timer = setTimeout(() => withdraw(form), 1000 * form.dataset.seconds);
  }

  function announce(task) {
    const region = document.getElementById("announce");
    if (region) region.textContent = task.dataset.announced;
  }

  htmx.onLoad((root) => {
    const task = root.id === "task" ? root : root.querySelector?.("#task");
    const id = task?.querySelector("form.done")?.elements.uuid.value;
    if (!id || id === shown) return;
    offerChange(task);
    if (shown) announce(task);
    shown = id;
    answered = "";
  });

  document.addEventListener(
    "submit",
    ({ target }) => {
      if (target.matches("form.done")) answered = target.elements.uuid.value;
      // The head of the page was drawn before there were answers in the address.
      const next = target.closest("header") && target.elements.next;
      if (next) next.value = location.pathname + location.search;
    },
    true,
  );
  window.addEventListener("submit", (event) => {
    if (!event.defaultPrevented) isLeaving = true;
  });
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const isRedirected = event.detail.xhr.getResponseHeader("HX-Redirect");
    if (isRedirected && !event.defaultPrevented) isLeaving = true; // walk.js comes first
  });
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (!detail.successful && detail.elt.matches("form.done")) answered = "";
  });

  // Answers that were given and not sent; the address keeps them for a reload.
  window.addEventListener("beforeunload", (event) => {
    const isGiven = shown && document.querySelector("#task .trail-step");
    if (isGiven && !isLeaving && !answered) event.preventDefault();
  });
  window.addEventListener("pageshow", () => { isLeaving = false; });

  // Beside the question where there is room, a dialog where there is none; never over the galaxy.
  document.addEventListener("click", (event) => {
    const summary = event.target.closest(".help > summary");
    const dialog = document.getElementById("help");
    if (!summary || !NARROW.matches || !dialog) return;
    event.preventDefault();
    const words = summary.parentElement.querySelector(".help-words").cloneNode(true);
    dialog.querySelector("#help-words").replaceChildren(words);
    dialog.showModal();
  });
})();
