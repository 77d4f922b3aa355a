// The galaxy's picture: zoom, pan, turn, light. Answers wait until it can be seen.
// The page says what there is (data-*), this script what is done with it; both parts of #task may
// be replaced at any time, so listeners sit on the document and every figure is begun once.
"use strict";

(() => {
  const MOST = 16;
  const STEP = 1.2;
  const PART = 0.1; // of the view, that a pan button moves
  const WHOLE = { zoom: 1, x: 0, y: 0, turn: 0 };
  const AS_IT_CAME = { invert: false, brightness: 100, contrast: 100, stretch: "" };
  const STORE = "viewer";
  const ANSWERS = ".answers button, .answers input, #question form .button-primary";

  const begun = new WeakSet();
  const held = new Set(); // buttons that wait for the picture
  const fingers = new Map(); // pointers on the picture
  let place = { ...WHOLE }; // x, y: of the picture's center from the view's, in sides of the view
  let light = { ...AS_IT_CAME };
  let kept = read(); // { sticky, isOpen, light }
  let loadedAt = null;
  let band = "color"; // the rendering that is shown
  let since = 0; // when it was, ms
  let seconds = {}; // for which each was shown before

  const viewer = () => document.querySelector(".viewer");
  const figure = () => document.querySelector(".galaxy");
  const root = document.documentElement;

  // What is kept between galaxies; a browser that keeps nothing forgets it with the page.
  function read() {
    try {
      return JSON.parse(sessionStorage.getItem(STORE)) ?? {};
    } catch {
      return {};
    }
  }

  function keep(more) {
    kept = { ...kept, ...more };
    try {
      sessionStorage.setItem(STORE, JSON.stringify(kept));
    } catch {
      // Kept for this page only.
    }
  }

  function isSticky() {
    const said = document.getElementById("preferences")?.textContent;
    return kept.sticky ?? (said ? JSON.parse(said).sticky_view : true) ?? true;
  }

  // Drawing ---------------------------------------------------------------------------------------
  function draw() {
    root.style.setProperty("--view-place", transformOf(place));
    root.style.setProperty("--view-light", filterOf(light));
    const here = figure();
    if (!here) return;
    here.dataset.zoom = place.zoom;
    here.dataset.turn = place.turn;
    drawTools();
    drawScale(here);
    drawCompass(here);
  }

  function transformOf({ x, y, zoom, turn }) {
    if (zoom === 1 && !turn) return "none";
    return `translate(${100 * x}%, ${100 * y}%) rotate(${turn}deg) scale(${zoom})`;
  }

  function filterOf({ invert, brightness, contrast, stretch }) {
    const parts = [];
    if (stretch) parts.push(`url(#stretch-${stretch})`);
    if (brightness !== 100) parts.push(`brightness(${brightness}%)`);
    if (contrast !== 100) parts.push(`contrast(${contrast}%)`);
    if (invert) parts.push("invert(1)");
    return parts.join(" ") || "none";
  }

  // By hand: the first Intl.NumberFormat of a page takes a phone a tenth of a second.
  function written(value, digits) {
    return String(Number(value.toFixed(digits))).replace(".", viewer().dataset.decimal);
  }

  function drawTools() {
    const all = viewer();
    const tool = (name) => all.querySelector(`[data-key="${name}"]`);
    all.querySelector(".zoom-words").textContent = `${written(place.zoom, place.zoom < 10 ? 1 : 0)}×`;
    all.querySelector(".pan").hidden = place.zoom === 1;
    tool("reset-view").hidden = Object.keys(changes()).every((name) => name === "seconds");
    tool("invert").setAttribute("aria-pressed", light.invert);
    tool("adjust").setAttribute("aria-expanded", Boolean(kept.isOpen));
    all.querySelector(".adjust").hidden = !kept.isOpen;
    for (const name of ["brightness", "contrast", "stretch"]) {
      all.querySelector(`[name="${name}"]`).value = light[name];
    }
    all.querySelector('[name="sticky"]').checked = isSticky();
    if (!bands()) return;
    bands().value = band;
    all.querySelector(".band-words").textContent = bands().selectedOptions[0].text;
  }

  // Lengths on the sky that one can remember, in the unit that suits: 1, 2 or 5 of a power of ten.
  const UNITS = [[3600, "°"], [60, "′"], [1, "″"]];
  const unitOf = (arcsec) => UNITS.find(([size]) => arcsec >= size) ?? UNITS.at(-1);

  function roundLength(most) {
    const [size] = unitOf(most);
    const power = 10 ** Math.floor(Math.log10(most / size));
    return Number((size * power * [5, 2, 1].find((step) => step * power <= most / size)).toPrecision(6));
  }

  // The bar grows with the picture, until a shorter length is enough.
  function drawScale(here) {
    const bar = here.querySelector(".scale-bar");
    bar.hidden = !(here.dataset.arcsec > 0) || !here.clientWidth;
    if (bar.hidden) return;
    const side = here.clientWidth;
    const atOnce = side / Math.max(here.dataset.width, here.dataset.height) / here.dataset.arcsec; // px an arcsec
    const first = roundLength((0.15 * side) / atOnce);
    const px = atOnce * place.zoom;
    const arcsec = first * px <= 0.4 * side ? first : roundLength((0.4 * side) / px);
    root.style.setProperty("--view-bar", `${arcsec * px}px`);
    const [size, unit] = unitOf(arcsec);
    bar.firstChild.textContent = written(arcsec / size, 3) + unit;
  }

  // North by its angle from up, counterclockwise; on the sky east is to the left of it.
  function drawCompass(here) {
    const compass = here.querySelector(".compass");
    compass.toggleAttribute("hidden", here.dataset.north === undefined);
    if (here.dataset.north === undefined) return;
    const north = place.turn - here.dataset.north;
    const east = north + (here.dataset.mirrored === "1" ? 90 : -90);
    const at = (angle, far, aside = 0) => {
      const [sine, cosine] = [Math.sin((angle * Math.PI) / 180), Math.cos((angle * Math.PI) / 180)];
      return [far * sine + aside * cosine, aside * sine - far * cosine].map((each) => each.toFixed(2));
    };
    const arrow = (angle) => `M0 0L${at(angle, 14)}M${at(angle, 10, -3)}L${at(angle, 14)}L${at(angle, 10, 3)}`;
    compass.querySelector("path").setAttribute("d", arrow(north) + arrow(east));
    for (const [name, angle] of [["north", north], ["east", east]]) {
      const [x, y] = at(angle, 22);
      const letter = compass.querySelector(`.compass-${name}`);
      letter.setAttribute("x", x);
      letter.setAttribute("y", y);
    }
  }

  // What differs from the picture as it came, in the words of the server.
  function changes() {
    const found = {};
    if (place.zoom !== 1) found.zoom = Number(place.zoom.toFixed(3));
    if (place.turn) found.rotation = place.turn;
    for (const [name, value] of Object.entries(light)) {
      if (value !== AS_IT_CAME[name]) found[name] = value;
    }
    if (band !== "color") found.band = band;
    if (bands()) found.seconds = { ...seconds, [band]: secondsOf(band) };
    return found;
  }

  // Bands ------------------------------------------------------------------------------------------
  const bands = () => document.querySelector('.adjust [name="band"]');
  const secondsOf = (name) => Number(((seconds[name] ?? 0) + (performance.now() - since) / 1000).toFixed(1));

  function say(words, option) {
    const status = viewer().querySelector('[role="status"]');
    const said = { name: option.text, number: option.index + 1, count: bands().length };
    status.textContent = words.replace(/\{(\w+)\}/g, (_, name) => said[name]);
  }

  // The band before stays on the page until the next one is there.
  async function showBand(name) {
    const here = figure();
    const option = [...(bands()?.options ?? [])].find((each) => each.value === name);
    if (!option) return;
    const { bandWords, bandLost } = viewer().querySelector('[role="status"]').dataset;
    const probe = new Image();
    probe.src = option.dataset.url;
    try {
      await probe.decode();
    } catch {
      if (here === figure()) say(bandLost, option);
      draw();
      return;
    }
    if (here !== figure()) return;
    seconds[band] = secondsOf(band);
    [band, since] = [name, performance.now()];
    here.querySelector("img").src = option.dataset.url;
    if (isSticky()) keep({ band });
    say(bandWords, option);
    draw();
  }

  function nextBand() {
    const list = [...bands().options].map((each) => each.value);
    return showBand(list[(list.indexOf(band) + 1) % list.length]);
  }

  // Moving ----------------------------------------------------------------------------------------
  const between = (least, value, most) => Math.min(most, Math.max(least, value));

  function moveTo(x, y) {
    const most = (place.zoom - 1) / 2; // the picture always fills the view
    place.x = between(-most, x, most);
    place.y = between(-most, y, most);
    draw();
  }

  // Zoom by a factor; what is at (x, y), in sides of the view from its center, stays there.
  function zoomBy(factor, x = 0, y = 0) {
    const before = place.zoom;
    const after = between(1, before * factor, MOST);
    place.zoom = Math.abs(after - 1) < 1e-9 ? 1 : after;
    const grown = place.zoom / before;
    moveTo(x - (x - place.x) * grown, y - (y - place.y) * grown);
  }

  function turnBy(quarters) {
    const sine = quarters; // of 90 degrees
    place.turn = (place.turn + 90 * quarters + 360) % 360;
    moveTo(-sine * place.y, sine * place.x);
  }

  function whereOf({ clientX, clientY }) {
    const box = figure().getBoundingClientRect();
    return [(clientX - box.left) / box.width - 0.5, (clientY - box.top) / box.height - 0.5];
  }

  function onWheel(event) {
    if (!event.ctrlKey) return; // the page scrolls
    event.preventDefault();
    const notches = between(-1, -event.deltaY / (event.deltaMode ? 3 : 100), 1);
    zoomBy(STEP ** notches, ...whereOf(event));
  }

  // One finger or the mouse drags what is larger than the view; two pinch.
  function onPointer(event) {
    const before = [...fingers.values()];
    if (event.type === "pointerdown") {
      if (event.button !== 0 || event.target.closest("button, a, .broken")) return;
      fingers.set(event.pointerId, whereOf(event));
      if (place.zoom > 1 || fingers.size > 1) figure().setPointerCapture(event.pointerId);
    } else if (!fingers.has(event.pointerId)) {
      return;
    } else if (event.type === "pointermove") {
      fingers.set(event.pointerId, whereOf(event));
      follow(before, [...fingers.values()]);
    } else {
      fingers.delete(event.pointerId);
    }
  }

  function follow(before, after) {
    const middle = (points) => [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
    const width = ([one, other]) => Math.hypot(one[0] - other[0], one[1] - other[1]);
    const [old, now] = [middle(before), middle(after)];
    if (after.length === 2) zoomBy(width(after) / Math.max(width(before), 1e-3), ...old);
    moveTo(place.x + now[0] - old[0], place.y + now[1] - old[1]);
  }

  function onTouch(event) {
    if (event.touches.length > 1) event.preventDefault(); // neither zooms nor scrolls the page
  }

  // Tools -----------------------------------------------------------------------------------------
  const TOOLS = {
    "zoom-in": () => zoomBy(STEP),
    "zoom-out": () => zoomBy(1 / STEP),
    "zoom-reset": () => zoomBy(1 / place.zoom),
    "pan-left": () => moveTo(place.x + PART, place.y),
    "pan-right": () => moveTo(place.x - PART, place.y),
    "pan-up": () => moveTo(place.x, place.y + PART),
    "pan-down": () => moveTo(place.x, place.y - PART),
    "rotate-right": () => turnBy(1),
    "rotate-left": () => turnBy(-1),
    band: nextBand,
    invert: () => shine({ invert: !light.invert }),
    "reset-view": reset,
    "full-screen": () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()),
    adjust: () => {
      keep({ isOpen: !kept.isOpen });
      draw();
    },
  };

  function shine(more) {
    light = { ...light, ...more };
    if (isSticky()) keep({ light });
    draw();
  }

  function reset() {
    place = { ...WHOLE };
    shine(AS_IT_CAME);
    showBand("color");
    viewer().querySelector('[data-key="zoom-reset"]').focus(); // the button itself is gone
  }

  function onInput({ target }) {
    if (!target.closest?.(".adjust")) return;
    if (target.name === "band") showBand(target.value);
    else if (target.name === "sticky") keep(target.checked ? { sticky: true, light, band } : { sticky: false, light: null, band: null });
    else shine({ [target.name]: target.type === "range" ? target.valueAsNumber : target.value });
  }

  // The picture: there, not yet, or broken -----------------------------------------------------------
  function hold() {
    const task = document.getElementById("task");
    task.dataset.waiting = "";
    figure().setAttribute("aria-busy", "true");
    for (const button of task.querySelectorAll(ANSWERS)) {
      if (button.disabled) continue;
      button.disabled = true;
      held.add(button);
    }
  }

  function release() {
    delete document.getElementById("task").dataset.waiting;
    figure().removeAttribute("aria-busy");
    for (const button of held) button.disabled = false;
    held.clear();
    if (loadedAt) return;
    loadedAt = new Date();
    since = performance.now();
    if (isSticky() && kept.band && kept.band !== "color") showBand(kept.band);
  }

  function look(picture) {
    const broken = figure().querySelector(".broken");
    const isThere = picture.complete && picture.naturalWidth > 0;
    if (isThere) release();
    else hold();
    if (isThere && broken.contains(document.activeElement)) document.getElementById("question-text").focus();
    broken.hidden = isThere || (broken.hidden && !picture.complete); // stays while it is tried again
  }

  // Begin with what is new on the page: a figure, or a question whose picture still loads.
  function begin() {
    const here = figure();
    if (!here) return;
    if (!begun.has(here)) {
      begun.add(here);
      place = { ...WHOLE };
      light = { ...AS_IT_CAME, ...(isSticky() ? kept.light : {}) };
      [loadedAt, band, seconds] = [null, "color", {}];
      held.clear();
      fingers.clear();
      here.addEventListener("wheel", onWheel, { passive: false });
      here.addEventListener("touchstart", onTouch, { passive: false });
      for (const name of ["down", "move", "up", "cancel"]) here.addEventListener(`pointer${name}`, onPointer);
      new ResizeObserver(draw).observe(here);
      viewer().querySelector('[data-key="full-screen"]').hidden = !document.fullscreenEnabled;
      draw();
    }
    if (!loadedAt) look(here.querySelector("img"));
  }

  // What travels with the answers, whoever sends them.
  function onFormData({ target, formData }) {
    if (!target.matches("form.done")) return;
    formData.set("view", JSON.stringify(changes()));
    if (!loadedAt) return;
    const times = { started: loadedAt, started_at: loadedAt, finished_at: new Date() };
    for (const [name, time] of Object.entries(times)) {
      if (!formData.has(name)) formData.set(name, time.toISOString());
    }
  }

  document.addEventListener("click", ({ target }) => {
    if (target.closest?.("[data-retry]")) figure().querySelector("img").src += ""; // asks again
    const name = target.closest?.(".viewer [data-key]")?.dataset.key;
    if (name in TOOLS) TOOLS[name]();
  });
  document.addEventListener("input", onInput);
  document.addEventListener("formdata", onFormData);
  for (const name of ["load", "error"]) {
    const heard = ({ target }) => target.matches?.(".galaxy img") && !loadedAt && look(target);
    document.addEventListener(name, heard, true); // neither bubbles
  }
  document.addEventListener("htmx:afterSwap", begin); // before the swapped part is painted
  htmx.onLoad(begin);
  begin();
})();
