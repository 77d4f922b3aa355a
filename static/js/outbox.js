// Keeps answers in this browser until the site has acknowledged them, and sends them in order.
"use strict";

window.outbox = (() => {
  const region = document.getElementById("outbox");
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("outbox") : null;
  const GONE = [400, 404, 405, 410, 413, 422]; // sending it again would be refused again
  const LEAST_S = 2, MOST_S = 300, PATIENCE_MS = 30_000, OPEN_MS = 3_000, QUIET_MS = 1_500;
  let timer, opening, problem = "", warning = "", memory = "";

  // The store: {uuid, id (its place), url, holder, name, fields, state, reason, heldFrom}.
  function open() {
    opening ??= new Promise((resolve, reject) => {
      const request = indexedDB.open("outbox", 1);
      setTimeout(() => reject(new Error("the storage does not open")), OPEN_MS);
      request.onupgradeneeded = () => {
        const store = request.result.createObjectStore("answers", { keyPath: "id", autoIncrement: true });
        store.createIndex("uuid", "uuid", { unique: true });
      };
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        request.result.onversionchange = request.result.onclose = () => {
          request.result.close();
          opening = null;
        };
        resolve(request.result);
      };
    });
    opening.catch(() => { opening = null; });
    return opening;
  }

  // Calls `work` with the store and returns its request's result once the transaction is complete.
  async function within(mode, work) {
    const transaction = (await open()).transaction("answers", mode);
    return new Promise((resolve, reject) => {
      let request;
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
      request = work(transaction.objectStore("answers"));
    });
  }

  const all = () => within("readonly", (store) => store.getAll());

  // What was forgotten meanwhile stays forgotten.
  const change = (item) => within("readwrite", (store) => {
    const known = store.get(item.id);
    known.onsuccess = () => { if (known.result) store.put(item); };
  });
  const remove = (id) => within("readwrite", (store) => store.delete(id));

  // Keeps an answer. One that waits under the same uuid stands; a refused one is replaced.
  async function put(item) {
    await within("readwrite", (store) => {
      const known = store.index("uuid").get(item.uuid);
      known.onsuccess = () => {
        if (known.result?.state === "waiting") return;
        store.put({ ...item, state: "waiting", ...(known.result && { id: known.result.id }) });
      };
    });
    warning = "";
    changed();
  }

  async function forget(uuid) {
    if (!(await isUsable())) return;
    for (const item of await all()) if (item.uuid === uuid) await remove(item.id);
    changed();
  }

  // When to try again is the same for all tabs. The longest wait doubles; the real one is random.
  function setPace(text) {
    memory = text;
    try { localStorage.setItem("outbox", text); } catch { /* then each tab has its own pace */ }
  }

  function pace() {
    let text = memory;
    try { text = localStorage.getItem("outbox"); } catch { /* as above */ }
    return JSON.parse(text || '{"failures":0,"at":0}');
  }

  function backOff(atLeast = 0) {
    const { failures } = pace();
    const most = Math.min(MOST_S, 2 * LEAST_S * 2 ** failures);
    const wait = Math.max(most / 2 + (Math.random() * most) / 2, atLeast);
    setPace(JSON.stringify({ failures: failures + 1, at: Date.now() + 1000 * wait }));
  }

  const goAhead = () => setPace("");

  function token() {
    return JSON.parse(document.body.getAttribute("hx-headers") || "{}")["x-csrftoken"] || "";
  }

  // A sign-in in another tab ends this page's token.
  async function renewToken() {
    const response = await fetch(region.dataset.token, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!response.ok) return;
    const known = await response.json();
    document.body.setAttribute("hx-headers", JSON.stringify({ "x-csrftoken": known.token }));
    for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = known.token;
    return known;
  }

  function post(item) {
    return fetch(item.url, {
      method: "POST", body: new URLSearchParams(item.fields), headers: { "X-CSRFToken": token() },
      redirect: "manual", keepalive: true, signal: AbortSignal.timeout(PATIENCE_MS),
    });
  }

  // Returns whether the next answer may be sent.
  async function send(item) {
    let response, text;
    try {
      response = await post(item);
      if (response.status === 403 && (await renewToken())) response = await post(item);
      text = await response.text();
    } catch {
      return fail(region.dataset.unreachable);
    }
    // Only our own receipt counts: networks answer 200 with pages of their own.
    if (response.ok && response.headers.has("Classification-Id")) return settle(item, text);
    if (response.status === 409) return hold(item);
    const sentence = window.alerts.sentence(response.status, response.headers, text);
    if (GONE.includes(response.status)) return refuse(item, sentence);
    const wait = Number(response.headers.get("Retry-After")) || 0;
    return fail(sentence, Math.min(wait, MOST_S));
  }

  function fail(sentence, atLeast) {
    problem = sentence;
    backOff(atLeast);
    return false;
  }

  async function settle(item, html) {
    await remove(item.id);
    goAhead();
    problem = "";
    tell({ uuid: item.uuid, html });
    return true;
  }

  async function refuse(item, reason) {
    await change({ ...item, state: "refused", reason });
    return true;
  }

  async function hold(item) {
    const known = await renewToken().catch(() => null);
    if (!known) return fail(region.dataset.unreachable);
    await change({ ...item, state: "held", heldFrom: known.holder });
    return true;
  }

  // Sends what waits, in order, up to an answer that somebody else sends; one tab at a time.
  async function sendAll(upTo) {
    for (let first; (first = (await all()).find((item) => item.state === "waiting" && item.uuid !== upTo)); ) {
      if (Date.now() < pace().at || !(await send(first))) break;
      await changed();
    }
  }

  async function drain({ upTo, isNow } = {}) {
    if (!(await isUsable())) return;
    if (isNow) goAhead();
    const work = () => sendAll(upTo);
    await (navigator.locks ? navigator.locks.request("outbox", work) : inTurn(work));
    await changed();
  }

  const isUsable = () => open().then(() => true, () => false);

  // Without locks two tabs may send the same answer: the site stores it once.
  let turn = Promise.resolve();
  const inTurn = (work) => (turn = turn.then(work, work));

  function tell(detail) {
    document.dispatchEvent(new CustomEvent("outbox:saved", { detail }));
    channel?.postMessage(detail);
  }

  function changed() {
    channel?.postMessage({});
    return show();
  }

  // Answers wait for their volunteer: whenever somebody else is here than last time, they are tried.
  async function release() {
    const held = (await all()).filter((item) => item.state === "held");
    const known = held.length && (await renewToken().catch(() => null));
    if (!known) return;
    for (const item of held) if (item.heldFrom !== known.holder) await change({ ...item, state: "waiting" });
  }

  // What the person sees.
  function countWords(n) {
    const kind = new Intl.PluralRules(document.documentElement.lang).select(n);
    return region.dataset[kind === "one" ? "waitingOne" : "waitingOther"].replace("{n}", n);
  }

  async function show() {
    const items = await all().catch(() => []);
    const waiting = items.filter((item) => item.state === "waiting");
    if (!waiting.length) problem = "";
    showCount(waiting);
    showCards(items);
    clearTimeout(timer);
    if (waiting.length) timer = setTimeout(drain, Math.max(pace().at - Date.now(), QUIET_MS));
  }

  // What is saved at once is not worth a word; what is only slow moves nothing on the page.
  function showCount(waiting) {
    const isLate = problem || waiting.some((item) => Date.now() - item.queuedAt >= QUIET_MS);
    const words = isLate && waiting.length ? countWords(waiting.length) : "";
    setText(document.getElementById("waiting-count"), words);
    say(words && problem ? `${problem} ${words}. ${region.dataset.later}` : warning);
  }

  // Says that nothing can be kept here, until something could.
  function warn() {
    warning = region.dataset.unusable;
    say(warning);
  }

  function say(words) {
    const line = region.querySelector("[data-part=waiting]");
    setText(line, words);
    line.hidden = !words;
    region.hidden = !words && !region.querySelector("[data-item]");
  }

  function setText(place, words) {
    if (place && place.textContent !== words) place.textContent = words;
  }

  // One card for each refused answer, and one for each volunteer whose answers wait for them.
  function showCards(items) {
    const groups = new Map();
    for (const item of items) {
      if (item.state === "waiting") continue;
      const key = `${item.state} ${item.state === "held" ? item.holder : item.uuid}`;
      groups.set(key, [...(groups.get(key) || []), item]);
    }
    for (const card of region.querySelectorAll("[data-item]")) if (!groups.has(card.dataset.item)) card.remove();
    for (const [key, group] of groups) showCard(key, group);
    region.hidden &&= !groups.size;
  }

  function showCard(key, items) {
    let card = region.querySelector(`[data-item="${key}"]`);
    if (!card) {
      card = region.querySelector(`template[data-part=${items[0].state}]`).content.firstElementChild.cloneNode(true);
      card.dataset.item = key;
      region.append(card);
    }
    const name = items[0].name || region.dataset.somebody;
    for (const place of card.querySelectorAll("[data-fill]")) {
      place.textContent = place.dataset.fill.replaceAll("{name}", name).replace("{n}", items.length).replace("{reason}", items[0].reason);
    }
  }

  async function onClick({ target }) {
    const button = target.closest("[data-do]");
    const key = button?.closest("[data-item]").dataset.item.split(" ")[1];
    const items = key ? (await all()).filter((item) => item.state !== "waiting" && [item.uuid, item.holder].includes(key)) : [];
    if (button?.dataset.do === "again") for (const item of items) await change({ ...item, state: "waiting", queuedAt: Date.now() });
    if (button?.dataset.do === "forget") for (const item of items) await remove(item.id);
    if (button?.dataset.do === "download") {
      download(items);
      button.parentElement.querySelector("[data-do=forget]").hidden = false;
    }
    if (items.length) await drain({ isNow: true });
  }

  function download(items) {
    const file = new Blob([JSON.stringify(items, null, 2)], { type: "application/json" });
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: "answers.json" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  region.addEventListener("click", onClick);
  window.addEventListener("online", () => drain({ isNow: true }));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) drain(); });
  channel?.addEventListener("message", ({ data }) => {
    if (data.uuid) document.dispatchEvent(new CustomEvent("outbox:saved", { detail: data }));
    show();
  });
  window.addEventListener("load", () => setTimeout(() => release().catch(() => {}).then(drain)));

  return { put, forget, drain, all, warn, show, isUsable, token };
})();
