// One question of two answers (#task[data-swipe]): a swipe over the galaxy presses the button on that side, and Done.
"use strict";

(() => {
  const SHARE = 0.25; // of the page's width, that a finger has to go
  const SLACK_PX = 10; // a finger that rests moves by less
  const EDGE_PX = 16; // a swipe from the window's edge is the browser's own way back
  const LISTEN = { passive: true };
  let drag = null; // { x, y, task, isSideways, dx }
  let swiped = null; // the task whose Done is pressed when its answer is there

  const root = document.documentElement;
  const taskOf = () => document.querySelector("#task[data-swipe]");
  const figure = () => document.querySelector(".galaxy");

  // Those that can be pressed: none while the picture is on its way.
  function answers() {
    const buttons = [...(taskOf()?.querySelectorAll("button.answer:enabled") ?? [])];
    return getComputedStyle(root).direction === "rtl" ? buttons.reverse() : buttons;
  }

  const isFar = () => Math.abs(drag.dx) >= SHARE * root.clientWidth;
  const target = () => answers()[Number(drag.dx > 0)];

  function draw() {
    const here = figure();
    here?.querySelector(".swipe")?.remove();
    root.style.setProperty("--swipe", drag?.isSideways ? `${drag.dx}px` : "0px");
    if (!drag?.isSideways || !here) return;
    const words = document.createElement("p");
    words.className = `swipe swipe-${drag.dx > 0 ? "right" : "left"}`;
    words.classList.toggle("swipe-far", isFar());
    words.ariaHidden = "true"; // the button says the same
    words.textContent = target()?.querySelector(".answer-words").textContent ?? "";
    here.append(words);
  }

  function end() {
    drag = null;
    draw();
  }

  function onStart({ touches, target: touched }) {
    if (drag) return end(); // a second finger: it is no swipe
    const { clientX, clientY } = touches[0];
    const isAtEdge = Math.min(clientX, root.clientWidth - clientX) < EDGE_PX;
    const isWhole = (figure()?.dataset.zoom ?? "1") === "1"; // else the finger moves the picture
    if (touches.length > 1 || isAtEdge || !isWhole || !answers().length) return;
    if (!touched.closest?.(".galaxy") || touched.closest("button, a, .broken")) return;
    drag = { x: clientX, y: clientY, task: taskOf(), isSideways: false, dx: 0 };
  }

  function onMove({ touches }) {
    if (!drag) return;
    if (drag.task !== taskOf()) return end();
    drag.dx = touches[0].clientX - drag.x;
    const dy = touches[0].clientY - drag.y;
    if (!drag.isSideways && Math.hypot(drag.dx, dy) > SLACK_PX) {
      if (Math.abs(drag.dx) < 2 * Math.abs(dy)) return end(); // the page scrolls
      drag.isSideways = true;
    }
    draw();
  }

  function onEnd() {
    if (!drag) return;
    const { task, isSideways } = drag;
    const button = isSideways && task === taskOf() && isFar() ? target() : null;
    end();
    if (!button) return;
    swiped = task;
    button.click();
  }

  // The part that came with the answer is on the page: whatever comes later is not the swipe's.
  function goOn() {
    const task = swiped;
    swiped = null;
    if (task && task === taskOf()) task.querySelector('[data-key="done"]:enabled')?.click();
  }

  document.addEventListener("touchstart", onStart, LISTEN);
  document.addEventListener("touchmove", onMove, LISTEN);
  document.addEventListener("touchend", onEnd, LISTEN);
  document.addEventListener("touchcancel", end, LISTEN);
  document.addEventListener("htmx:afterRequest", ({ detail }) => { if (!detail.successful) swiped = null; });
  htmx.onLoad((part) => { if (part.id === "question" || part.id === "task") goOn(); });
})();
