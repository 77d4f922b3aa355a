// Brings a part of the page that is asked for again and again up to date in place: an element that is
// still there stays the same one, with its focus, its scrolling, and what somebody has unfolded.
"use strict";

(() => {
  const PART = "[data-live]";
  const OWN = new Set(["open", "aria-busy"]); // what the browser or alerts.js has set

  function followAttributes(old, fresh) {
    for (const { name } of [...old.attributes]) {
      if (!OWN.has(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (!OWN.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
  }

  function follow(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    followAttributes(old, fresh);
    followChildren(old, fresh);
  }

  const isSame = (one, other) => one.nodeName === other.nodeName && (one.id || "") === (other.id || "");

  function keyed(parent) {
    return new Map([...parent.children].filter((child) => child.id).map((child) => [child.id, child]));
  }

  // What has an id is found again by it, wherever it is now; all else by its place.
  function followChildren(old, fresh) {
    const wanted = keyed(fresh);
    for (const [id, child] of keyed(old)) if (!wanted.has(id)) child.remove();
    const known = keyed(old);
    let place = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      const found = known.get(next.id);
      while (found && place && place !== found && !place.id) place = removed(place);
      if (found && place !== found) old.insertBefore(found, place);
      const here = found || (place && !place.id && isSame(place, next) ? place : null);
      if (here === null) old.insertBefore(next, place);
      else follow(here, next);
      if (here !== null && here === place) place = place.nextSibling;
    }
    while (place) place = removed(place);
  }

  function removed(node) {
    const next = node.nextSibling;
    node.remove();
    return next;
  }

  function bringUpToDate(part, html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById(part.id);
    if (fresh === null) {
      window.location.reload(); // somebody signed out: the whole page says so
      return;
    }
    const focused = document.activeElement;
    follow(part, fresh);
    if (!focused.isConnected) document.getElementById("main").focus({ preventScroll: true });
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { detail } = event;
    if (!detail.target.matches(PART) || !detail.shouldSwap) return;
    detail.shouldSwap = false;
    bringUpToDate(detail.target, detail.xhr.responseText);
  });
  document.addEventListener("htmx:confirm", (event) => {
    if (document.hidden && event.detail.elt.matches(PART)) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const part of document.querySelectorAll(PART)) window.htmx.trigger(part, "refresh");
  });
})();
