// Says what went wrong where a security key was asked for.
"use strict";

(() => {
  const { refused, elsewhere } = document.currentScript.dataset;

  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    const { exception } = event.detail;
    const isRefused = exception.name === "NotAllowedError" || exception.name === "InvalidStateError";
    window.alerts.say(isRefused ? refused : elsewhere);
  });
})();
