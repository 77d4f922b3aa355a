// Done puts the answers into this browser's outbox and shows the next galaxy, which is here already.
"use strict";

(() => {
  const { outbox } = window;
  const AHEAD = 2, LEAST_MS = 3_000, MOST_MS = 300_000;
  const given = new Set(); // uuids of this page's answers
  let ahead = [], filling = null, pauseMs = LEAST_MS, isBusy = false, shownAt = new Date();

  // How many galaxies are ready is said in the page, for whoever measures.
  const count = () => { document.body.dataset.ahead = ahead.length; };
  const done = () => document.querySelector("#task form.done");

  // Galaxies ahead: parts of the page that are made, loaded and decoded, but not shown yet.
  async function fetchAhead(address) {
    const response = await fetch(address, { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(30_000) });
    if (response.status === 204) return null;
    if (!response.ok) throw new Error(`${response.status} of ${address}`);
    const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
    const task = document.importNode(parsed.getElementById("task"), true);
    const picture = task.querySelector(".galaxy img");
    picture.decoding = "sync";
    await picture.decode().catch(() => {}); // a broken one is said where it is shown
    htmx.process(task);
    return task;
  }

  // Returns whether there are as many as there should be.
  async function fillUp() {
    while (ahead.length < AHEAD && done()) {
      const { holder, ahead: address } = done().dataset;
      const task = await fetchAhead(address);
      if (!task) return true; // the campaign has no other new one
      if (task.querySelector("form.done").dataset.holder !== holder) return true; // somebody else has signed in
      ahead.push(task);
      count();
    }
    return true;
  }

  function fill() {
    filling ??= fillUp().catch(() => false).then((isFull) => {
      filling = null;
      if (isFull) document.dispatchEvent(new Event("queue:full"));
      else setTimeout(fill, pauseMs * (1 + Math.random()));
      pauseMs = isFull ? LEAST_MS : Math.min(2 * pauseMs, MOST_MS);
    });
    return filling;
  }

  function show(task) {
    const old = document.getElementById("task");
    task.querySelector("#saved-count")?.replaceWith(old.querySelector("#saved-count") || "");
    for (const field of task.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = outbox.token();
    history.pushState({ htmx: true }, "", task.querySelector("form.done").dataset.place);
    old.replaceWith(task);
    shownAt = new Date();
    htmx.trigger(task, "htmx:load", { elt: task });
    task.querySelector("[autofocus]")?.focus({ preventScroll: true }); // from here on there is a layout
    if (scrollY) scrollTo(0, 0);
  }

  // Resolves when what is in the page now is on the screen, or would be if the tab were in front.
  const painted = () => new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 200);
  });

  function itemOf(form) {
    const fields = [...new FormData(form)].filter(([name]) => name !== "csrfmiddlewaretoken");
    const { uuid, started } = Object.fromEntries(fields);
    fields.push(["started_at", started || shownAt.toISOString()], ["finished_at", new Date().toISOString()]);
    const { queue: url, holder, name } = form.dataset;
    return { uuid, url, holder, name, fields, queuedAt: Date.now() };
  }

  // Lets htmx post the form, as if there were no queue: the answer brings the next galaxy.
  function postDirectly(form) {
    form.dataset.isDirect = "true";
    setTimeout(() => form.requestSubmit()); // a form is not submitted while it is being submitted
  }

  // Writes and shows at once: neither waits for the other.
  async function finish(form) {
    const item = itemOf(form), old = document.getElementById("task"), next = ahead.shift();
    const place = location.href;
    const isKept = outbox.put(item).then(() => true, () => false);
    if (next) show(next);
    if (!(await isKept)) return takeBack(form, old, next, place);
    given.add(item.uuid);
    if (next) await painted();
    count();
    outbox.show();
    if (next) return void outbox.drain().then(fill);
    await goOn(form, item);
  }

  // Nothing could be kept: the galaxy comes back, and Done waits for the site.
  function takeBack(form, old, next, place) {
    if (next) {
      next.replaceWith(old);
      history.replaceState({ htmx: true }, "", place);
      ahead.unshift(next);
    }
    outbox.warn();
    postDirectly(form);
  }

  // There is no galaxy to go on to: it comes as the answer to this one, after all before it.
  async function goOn(form, item) {
    document.getElementById("task").setAttribute("aria-busy", "true");
    await Promise.all([fill(), outbox.drain({ upTo: item.uuid })]);
    const next = ahead.shift();
    if (next) {
      show(next);
      outbox.drain().then(fill);
      return;
    }
    document.getElementById("task").removeAttribute("aria-busy");
    const waiting = (await outbox.all()).filter((one) => one.state === "waiting" && one.uuid !== item.uuid);
    if (!waiting.length) postDirectly(form);
  }

  async function onSubmit(event) {
    const form = event.target;
    if (!form.matches("form.done")) return;
    if (form.dataset.isDirect) return void delete form.dataset.isDirect;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (isBusy) return;
    isBusy = true;
    await finish(form).finally(() => { isBusy = false; });
  }

  function onSaved({ detail: { uuid, html } }) {
    if (!html) return;
    for (const part of new DOMParser().parseFromString(html, "text/html").querySelectorAll("[id]")) {
      if (part.id !== "saved-count" && !given.has(uuid)) continue;
      document.getElementById(part.id)?.replaceWith(document.importNode(part, true));
    }
    // It waited for want of another galaxy.
    const form = done();
    if (form?.elements.uuid.value === uuid && !isBusy) postDirectly(form);
  }

  // The page came without a redirect: a reload is to find this galaxy again.
  if (done() && location.pathname.endsWith("/classify/")) history.replaceState(null, "", done().dataset.place);
  document.addEventListener("submit", onSubmit, true);
  document.addEventListener("outbox:saved", onSaved);
  document.addEventListener("htmx:afterRequest", ({ detail: { xhr, requestConfig } }) => {
    if (xhr.status < 400 && xhr.getResponseHeader("Classification-Id")) outbox.forget(requestConfig.parameters.uuid);
  });
  window.addEventListener("online", () => Promise.resolve(filling).then(fill));
  window.addEventListener("load", () => setTimeout(async () => {
    if (!done()) return;
    if (await outbox.isUsable()) fill();
    else outbox.warn();
  }));
})();
