// Makes the plan form live: a changed field asks for the page's main part and redraws it in place.
// Without this script, or after an answer that did not come, the form works by its button.
(() => {
  "use strict";
  const form = () => document.getElementById("plan-form");
  if (!window.htmx || !form()) return;

  // What a person has typed, chosen or opened stays as it is: an answer redraws around it. The
  // server's echo may be older than what stands in the field by now.
  const kept = ["value", "checked", "selected"];
  htmx.registerExtension("typed-stays", {
    htmx_before_morph_attr: (element, { attrName }) =>
      attrName !== "open" && !(kept.includes(attrName) && form() && element.form === form()),
  });

  // Whoever types beside a choice means that choice.
  document.addEventListener("input", ({ target }) => {
    const choice = target.closest("#plan-form .choice")?.querySelector(":scope > [type=radio]");
    if (choice && choice !== target) choice.checked = true;
  });

  // Until the answer is there, what is shown belongs to the form of a moment ago: it is marked,
  // and cannot be saved. The answer takes both marks away.
  document.addEventListener("input", ({ target }) => {
    if (target.form !== form() || !form().hasAttribute("hx-get")) return;
    for (const part of document.querySelectorAll("#result, .outcome")) {
      part.setAttribute("aria-busy", "true");
    }
    document.querySelector(".save button")?.setAttribute("disabled", "");
  });

  // Enter in a field asks at once as well, but does not load the page.
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (key !== "Enter" || !target.matches("#plan-form[hx-get] .typed") || target.matches("textarea")) return;
    event.preventDefault();
    target.dispatchEvent(new Event("input", { bubbles: true }));
  });

  const notAnswered = () => {
    const asked = form();
    if (!asked) return;
    asked.removeAttribute("hx-get");
    htmx.process(asked, true);
    document.getElementById("not-answered").hidden = false;
  };
  document.addEventListener("htmx:error", notAnswered);
  document.addEventListener("htmx:response:error", ({ detail }) => {
    if (detail.ctx.response.status !== 422) notAnswered();
  });
})();
