"use strict";
(() => {
  const say = (text) => { document.getElementById("status").textContent = text; };

  // A title of a sortable column becomes a button: ascending, descending, original order.
  const compare = (a, b) => {
    const x = a.dataset.sort, y = b.dataset.sort;
    if (x !== "" && y !== "") return Number(x) - Number(y);
    if (x !== "" || y !== "") return null;
    return a.textContent.trim().localeCompare(b.textContent.trim(), "en", { numeric: true });
  };
  const isEmpty = (cell) => cell.textContent.trim() === "";
  const sorted = (rows, column, sign) => rows.slice().sort((a, b) => {
    const x = a.cells[column], y = b.cells[column];
    if (isEmpty(x) || isEmpty(y)) return isEmpty(x) - isEmpty(y);
    const order = compare(x, y);
    if (order === null) return (x.dataset.sort === "") - (y.dataset.sort === "");
    return sign * order;
  });
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0], original = Array.from(body.rows);
    const heads = Array.from(table.tHead.rows[0].cells);
    heads.forEach((head, column) => {
      if (!("sortable" in head.dataset) || original.length < 2) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const next = { ascending: "descending", descending: "" }[head.ariaSort] ?? "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        if (next) head.setAttribute("aria-sort", next);
        const sign = next === "descending" ? -1 : 1;
        body.append(...(next ? sorted(original, column, sign) : original));
        say(next ? `sorted by ${button.textContent.trim()}, ${next}` : "original order");
      });
    });
  }

  // A cell opens the list of its runs, and the list leads back to the cell.
  const open = (id) => {
    const list = document.getElementById(id);
    if (!list) return;
    for (let box = list; box; box = box.parentElement.closest("details")) box.open = true;
    const summary = list.querySelector("summary");
    summary.focus();
    list.scrollIntoView({ block: "start" });
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-opens], a[data-closes]");
    if (!link) return;
    event.preventDefault();
    if (link.dataset.opens) {
      open(link.dataset.opens);
      return;
    }
    document.getElementById(link.dataset.closes).open = false;
    const cell = document.getElementById(link.hash.slice(1));
    document.querySelectorAll(".marked").forEach((other) => other.classList.remove("marked"));
    cell.classList.add("marked");
    cell.querySelector("a").focus();
    cell.scrollIntoView({ block: "center" });
  });
  if (location.hash.startsWith("#runs-")) open(location.hash.slice(1));
})();
