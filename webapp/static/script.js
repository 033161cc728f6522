// Warns before a page with unsaved changes is left. Everything works without this script.
(() => {
  "use strict";
  const form = document.querySelector("form[data-warn-unsaved]");
  if (!form) {
    return;
  }
  let changed = false;
  form.addEventListener("change", () => { changed = true; });
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", () => { changed = false; });
  window.addEventListener("beforeunload", (event) => {
    if (changed) {
      event.preventDefault();
    }
  });
})();
