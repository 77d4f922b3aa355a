// Asks the next question while the site cannot answer, from questions that were loaded before.
"use strict";

(() => {
  const PATIENCE_MS = 3_000; // then the questions at hand go on
  let known = null; // {address, page, tree}: of the tree that the galaxy was shown with

  const done = () => document.querySelector("#task form.done");
  const isStep = (form) => form.matches("#question form[hx-get]");

  async function load() {
    const address = done()?.dataset.questions;
    if (!address || known?.address === address) return;
    const response = await fetch(address);
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html").body;
    known = { address, page, tree: JSON.parse(page.querySelector("[data-tree]").dataset.tree) };
    document.body.dataset.questions = "ready"; // for whoever measures
  }

  // Follows items such as ["0", "7", "p3"] down the tree; null if they are no walk.
  function follow(items) {
    const steps = [];
    let at = 0, index = 0;
    while (index !== null) {
      const question = known.tree[index], start = at;
      if (at === items.length) return { items, steps, open: index };
      if (question.isSingle) {
        index = question.answers[items[at++]];
        if (index === undefined) return null;
      } else {
        if (items[at] === `p${question.index}`) at++;
        else while (items[at] in question.answers) at++;
        index = question.next;
      }
      steps.push({ question, given: items.slice(start, at), before: items.slice(0, start) });
    }
    return at === items.length ? { items, steps, open: null } : null;
  }

  function walkOf(form) {
    const text = form.get("answers") || "";
    const walk = follow(text ? text.split("-") : []);
    if (!walk || !form.has("next") || walk.open === null) return walk;
    const chosen = form.getAll("choice").sort((one, other) => one - other);
    const question = known.tree[walk.open];
    if (!chosen.length && question.isRequired) return null;
    return follow([...walk.items, ...(chosen.length ? chosen : [`p${question.index}`])]);
  }

  const pattern = (name) => known.page.querySelector(`template[data-question="${name}"]`).content.firstElementChild;

  function trailStep({ question, given, before }) {
    const blank = known.page.querySelector("template[data-trail]");
    const step = document.importNode(blank.content.firstElementChild, true);
    const source = pattern(question.index), button = step.querySelector("button");
    const answers = given.map((item) => source.querySelector(`.answer[value="${item}"], .answer:has([value="${item}"])`)).filter(Boolean);
    const words = answers.map((answer) => answer.querySelector(".answer-words").textContent).join(", ") || blank.dataset.none;
    if (answers.length) button.querySelector(".icon").replaceWith(document.importNode(answers[0].querySelector(".icon"), true));
    button.querySelector(".trail-words").textContent = words;
    button.ariaLabel = button.ariaLabel.replace("{words}", words).replace("{text}", source.querySelector(".question").textContent);
    button.value = before.join("-");
    return step;
  }

  function summaryStep(step) {
    const item = trailStep(step), button = item.querySelector("button");
    button.className = "summary-step";
    button.textContent = button.querySelector(".trail-words").textContent;
    return item;
  }

  // The forms that post are those of the galaxy; all else is made new.
  function show(walk) {
    const old = document.getElementById("question"), { place } = done().dataset;
    const next = document.importNode(pattern(walk.open ?? "end"), true), text = walk.items.join("-");
    const posts = [...old.querySelectorAll("form[method=post]")];
    [...next.querySelectorAll("form[method=post]")].forEach((form, number) => posts[number] && form.replaceWith(posts[number]));
    for (const form of next.querySelectorAll("form[hx-get]")) {
      form.action = place;
      form.setAttribute("hx-get", `${place}question/`);
    }
    for (const button of next.querySelectorAll("button.answer")) button.value = [...walk.items, button.value].join("-");
    for (const field of next.querySelectorAll("input[name=answers]")) field.value = text;
    const back = next.querySelector(".task-actions [name=answers]"), form = next.querySelector("form.done");
    back.disabled = !walk.steps.length;
    back.value = walk.steps.at(-1)?.before.join("-") ?? "";
    form.elements.path.value = walk.items.filter((item) => !item.startsWith("p")).join("-");
    form.querySelector("button").disabled = walk.open !== null;
    if (walk.steps.length) next.querySelector(".trail").replaceChildren(...walk.steps.map(trailStep));
    next.querySelector(".summary")?.replaceChildren(...walk.steps.map(summaryStep));
    old.replaceWith(next);
    htmx.process(next);
    history.pushState({ htmx: true }, "", text ? `${place}?answers=${text}` : place);
    next.querySelector("[autofocus]")?.focus();
    htmx.trigger(next, "htmx:load", { elt: next });
  }

  // Returns whether the question could be asked here.
  function step({ requestConfig }) {
    const walk = known && isStep(requestConfig.elt) ? walkOf(requestConfig.formData) : null;
    if (walk) show(walk);
    return Boolean(walk);
  }

  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (known && isStep(detail.elt)) detail.timeout = PATIENCE_MS;
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!navigator.onLine && step(event.detail)) event.preventDefault();
  });
  // A crash of the database empties the list of what was handed out, and the site would lead to another
  // galaxy. What this one was shown with is signed in Done's form, so its answers count all the same.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const entrance = event.detail.xhr.getResponseHeader("HX-Redirect");
    if (entrance && done()?.dataset.place.startsWith(entrance) && step(event.detail)) event.preventDefault();
  });
  const isAway = ({ xhr }) => [0, 502, 503, 504].includes(xhr.status); // the site, or what it needs
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(name, ({ detail }) => { if (isAway(detail) && step(detail)) window.alerts.say(""); });
  }
  document.addEventListener("queue:full", () => load().catch(() => {})); // tried again when it is full again
})();
