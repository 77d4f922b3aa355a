// Lets single keys press the controls of a page: those that carry data-key="name of a control".
// Which key presses which is the person's choice (#preferences), by the layout of their keyboard.
"use strict";

(() => {
  const TEXT =
    'input:not([type="checkbox"], [type="radio"], [type="range"], [type="button"], [type="submit"]), ' +
    'textarea, select, [contenteditable=""], [contenteditable="true"]';
  const chosen = JSON.parse(document.getElementById("preferences")?.textContent || "{}");
  const controls = new Map();
  for (const [name, key] of Object.entries((chosen.shortcuts && chosen.keys) || {})) {
    if (key) controls.set(key, [...(controls.get(key) || []), name]);
  }

  // Caps Lock is no Shift: "r" and "R" differ by the key that is held.
  function nameOf({ key, shiftKey }) {
    if (key.length !== 1 || key.toLowerCase() === key.toUpperCase()) return key;
    return shiftKey ? key.toUpperCase() : key.toLowerCase();
  }

  // Ctrl, Alt and Meta belong to the browser, AltGr and an input method to what is being written.
  function isPlain(event) {
    const isWriting = event.isComposing || event.keyCode === 229;
    const isHeld = event.ctrlKey || event.metaKey || event.altKey;
    return !isWriting && !isHeld && !event.getModifierState("AltGraph");
  }

  // What the focused element does with the key by itself comes first.
  function isTakenBy(element, key) {
    if (element.closest(TEXT) || document.querySelector("dialog[open]")) return true;
    if (key === "Enter") return Boolean(element.closest("a[href], button, summary"));
    const isMoving = /^(Arrow|Page|Home|End)/.test(key);
    return isMoving && element.matches('input[type="range"], input[type="radio"]');
  }

  function isPressable(element) {
    return !element.disabled && !element.closest("[inert]") && element.getClientRects().length > 0;
  }

  function find(names) {
    const elements = names.flatMap((name) => [...document.querySelectorAll(`[data-key="${name}"]`)]);
    return elements.find(isPressable);
  }

  function press(event) {
    if (event.defaultPrevented || !isPlain(event)) return;
    const key = nameOf(event);
    const names = controls.get(key);
    if (!names) return;
    // A key that is held moves the view on, and does everything else once.
    if (event.repeat && !names.some((name) => /^(zoom-(in|out)|pan-)/.test(name))) {
      if (!event.target.closest(TEXT)) event.preventDefault();
      return;
    }
    if (isTakenBy(event.target, key)) return;
    const control = find(names);
    if (!control) return;
    event.preventDefault();
    control.click();
  }

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    const dialog = opener && document.getElementById(opener.dataset.opens);
    if (!dialog) return;
    event.preventDefault();
    dialog.showModal();
  });

  // The browser gives the focus back to where it was; that may be gone when the dialog closes.
  function keepFocus() {
    if (document.activeElement === document.body) document.getElementById("question-text")?.focus();
  }

  // On the page of the keys a field takes the key that is pressed in it.
  function record(event) {
    const field = event.target.closest('[data-records="key"]');
    if (!field || !isPlain(event) || /^(Tab|Escape|Shift|CapsLock|Unidentified|Dead)$/.test(event.key)) return;
    event.preventDefault();
    field.value = event.key === "Delete" ? "" : nameOf(event);
  }

  document.addEventListener("close", keepFocus, true);
  document.addEventListener("keydown", press);
  document.addEventListener("keydown", record);
})();
