// Runs before the first paint: the stored choice of colours, or the system's.
"use strict";
(() => {
  const CHOICES = ["auto", "dark", "light"];
  const SAID = { auto: "Colours: as the system", dark: "Colours: dark", light: "Colours: light" };

  function stored() {
    try {
      const choice = localStorage.getItem("marginmon-theme");
      return CHOICES.includes(choice) ? choice : "auto";
    } catch {
      return "auto"; // storage may be forbidden; the system's choice then stays
    }
  }

  function apply(choice) {
    if (choice === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
  }

  apply(stored());
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const show = (choice) => {
      button.textContent = choice;
      button.setAttribute("aria-label", SAID[choice] + "; press to change");
    };
    let choice = stored();
    show(choice);
    button.addEventListener("click", () => {
      choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
      try {
        localStorage.setItem("marginmon-theme", choice);
      } catch {
        // holds for this page only
      }
      apply(choice);
      show(choice);
    });
  });
})();
