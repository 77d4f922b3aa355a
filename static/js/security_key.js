// Asks a security key where a page has a button for it, and says what went wrong.
"use strict";

(() => {
  const { refused, known, elsewhere } = document.currentScript.dataset;
  const { addForm, authenticateForm } = window.allauth.webauthn.forms;
  const ids = { credential: "id_credential", data: "key-asked" };

  if (document.getElementById("key-add")) addForm({ ids: { add: "key-add", ...ids } });
  if (document.getElementById("key-use")) authenticateForm({ ids: { authenticate: "key-use", ...ids } });

  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    const sentences = { NotAllowedError: refused, InvalidStateError: known };
    window.alerts.say(sentences[event.detail.exception.name] ?? elsewhere);
  });
})();
