// Small comforts for the order form. Everything works without them.
"use strict";

// A double click posts a form once. Coming back by the back button makes it new.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

(() => {
  const form = document.querySelector("[data-compose]");
  if (!form) return;
  const field = (name) => form.elements.namedItem(name);
  const products = new Map(
    [...document.querySelectorAll("#formulary option")].map((option) => [option.value, option.dataset]),
  );
  const unitOption = form.querySelector("[data-each]");
  const preview = form.querySelector("[data-preview]");
  const uncounted = new Set(["mg", "mL", "g"]);

  const redraw = () => {
    const product = products.get(field("product").value.trim());
    const unit = product ? product.unit : "unit";
    unitOption.textContent = product ? `${unit}${uncounted.has(unit) ? "" : "s"}` : "tablet/unit";
    const amount = field("amount").value.trim();
    const often = field("frequency").selectedOptions[0];
    const isNumber = /^\d+(\.\d+)?$/.test(amount) && Number(amount) > 0;
    if (!product || !isNumber || !often.value) {
      preview.textContent = "";
      return;
    }
    const said = field("unit").value === "mg" ? "mg" : unit;
    const many = Number(amount) > 1 && !uncounted.has(said) ? "s" : "";
    const needed = field("needed").checked ? ` as needed for ${field("reason").value.trim() || "..."}` : "";
    let words = `${product.verb} ${amount} ${said}${many} ${product.route} ${often.textContent}${needed}.`;
    const quantity = field("quantity").value.trim();
    const strength = said === "mg" ? Number(product.mg) : 1;
    if (/^\d+$/.test(quantity) && Number(quantity) > 0 && strength > 0) {
      const days = Math.floor((Number(quantity) * strength) / (Number(amount) * Number(often.dataset.perDay)));
      if (days > 0) words += ` ${quantity} last ${days} day${days === 1 ? "" : "s"}${needed ? " or more" : ""}.`;
    }
    preview.textContent = words;
  };

  form.addEventListener("input", redraw);
  form.addEventListener("change", redraw);
  redraw();
})();
