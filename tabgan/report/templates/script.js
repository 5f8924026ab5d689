"use strict";
(() => {
  const all = (selector) => Array.from(document.querySelectorAll(selector));

  // A box that narrows the table of columns and the distributions down to the names that hold its text.
  const boxes = all(".filter input");
  const status = document.getElementById("filter-status");
  const filtered = all("[data-column]");
  const total = new Set(filtered.map((item) => item.dataset.column)).size;
  const narrow = (text) => {
    const wanted = text.trim().toLowerCase();
    const kept = new Set();
    filtered.forEach((item) => {
      item.hidden = !item.dataset.column.toLowerCase().includes(wanted);
      if (!item.hidden) kept.add(item.dataset.column);
    });
    const count = wanted ? kept.size + " of " + total + " columns" : total + " columns";
    boxes.forEach((box) => { if (box.value !== text) box.value = text; });
    all(".filter .found").forEach((place) => { place.textContent = count; });
    status.textContent = count + " shown";
  };
  boxes.forEach((box) => {
    box.addEventListener("input", () => narrow(box.value));
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      narrow("");
    });
  });
  all(".filter").forEach((filter) => { filter.hidden = false; });
  all(".filter .found").forEach((place) => { place.textContent = total + " columns"; });
  const reveal = () => {  // a link to a column that the filter hides shows it again
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (target && target.hidden) { narrow(""); target.scrollIntoView(); }
  };
  addEventListener("hashchange", reveal);

  // The contents say where the reader is.
  const links = all("nav a");
  const parts = links.map((link) => document.getElementById(link.hash.slice(1)));
  let waits = false;
  const follow = () => {
    waits = false;
    let current = 0;
    parts.forEach((part, i) => { if (part.getBoundingClientRect().top <= innerHeight / 3) current = i; });
    const isAtEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
    if (isAtEnd && scrollY > 0) current = links.length - 1;
    links.forEach((link, i) => {
      if (i === current) link.setAttribute("aria-current", "location");
      else link.removeAttribute("aria-current");
    });
  };
  addEventListener("scroll", () => {
    if (!waits) { waits = true; requestAnimationFrame(follow); }
  }, { passive: true });
  follow();

  // Paper has no buttons: folded text is unfolded before printing, and folded again afterwards; folded tables stay out.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details.kept:not([open])");
    closed.forEach((item) => { item.open = true; });
  });
  addEventListener("afterprint", () => {
    closed.forEach((item) => { item.open = false; });
    closed = [];
  });
})();
