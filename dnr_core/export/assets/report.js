(() => {
  "use strict";
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const plots = all(".plot"), dialogues = all(".dialogue"), PAPER = 680;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let paper = location.hash === "#print";

  // Colours of the page for a figure: its spec leaves text and background to whoever shows it.
  function look() {
    const night = dark.matches && !paper;
    return { text: night ? "#e6e9ed" : "#16181d", line: night ? "#5a636d" : "#b9c0c8", back: night ? "#1d2126" : "#ffffff" };
  }

  function themed(layout) {
    const { text, line, back } = look();
    const made = { ...layout, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 12, ...layout.font, color: text },
      hoverlabel: { bgcolor: back, font: { color: text } }, modebar: { ...layout.modebar, bgcolor: "rgba(0,0,0,0)", color: text } };
    for (const axis of ["xaxis", "yaxis"])
      made[axis] = { ...layout[axis], linecolor: line, color: text };
    if (paper) { made.width = PAPER; made.autosize = false; }
    return made;
  }

  // Without WebGL a map is drawn slowly, but it is drawn; on paper its points must be part of the page.
  const quick = Boolean(document.createElement("canvas").getContext("webgl"));
  function traces(data) {
    return data.map((one) => (one.type === "scattergl" && (paper || !quick) ? { ...one, type: "scatter" } : one));
  }

  function draw(box) {
    const given = JSON.parse(document.getElementById(box.dataset.figure).textContent);
    const config = paper ? { ...given.config, responsive: false, displayModeBar: false } : given.config;
    box.dataset.drawn = "yes";
    const done = Plotly.react(box, traces(given.data), themed(given.layout), config);
    if (!box.dataset.listens) {
      box.dataset.listens = "yes";
      box.on("plotly_click", (event) => toTurn(event.points[0].customdata));
    }
    return done;
  }

  const literal = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const rows = new Map(all(".chat tr[data-id]").map((row) => [literal(row.dataset.id), row]));
  function toTurn(id) {
    const row = rows.get(id);
    if (row) location.hash = row.id;
  }

  // A link to a turn opens its dialogue, also where the filter hides it.
  function open() {
    const target = document.getElementById(location.hash.slice(1));
    const around = target && target.closest("details");
    if (!around) return;
    around.open = true;
    if (around.hidden) { wanted.value = ""; wrong.checked = false; filter(); }
    target.scrollIntoView({ block: "center" });
  }

  const wanted = document.getElementById("wanted"), wrong = document.getElementById("wrong");
  const counted = document.getElementById("counted");
  const plain = (text) => text.normalize("NFC").toLowerCase();
  let texts = null;
  function filter() {
    texts = texts || dialogues.map((one) => [plain(one.querySelector("summary").textContent),
      all("tbody tr", one).map((row) => [row, plain([...row.cells].slice(1, 5).map((cell) => cell.textContent).join(" "))])]);
    const words = plain(wanted.value.trim());
    let shown = 0;
    dialogues.forEach((one, place) => {
      const [name, turns] = texts[place];
      let found = !words || name.includes(words);
      for (const [row, text] of turns) {
        const here = words !== "" && text.includes(words);
        row.classList.toggle("found", here);
        found = found || here;
      }
      one.hidden = !found || (wrong.checked && one.dataset.wrong === "0");
      shown += !one.hidden;
    });
    counted.textContent = `${shown} of ${dialogues.length} dialogues`;
  }

  function everything() {
    all("details").forEach((one) => { one.open = true; });
    plots.forEach(draw);
  }

  const closed = [];
  addEventListener("beforeprint", () => {
    if (paper) return;
    paper = true;
    all("details:not([open])").forEach((one) => closed.push(one));
    everything();
  });
  addEventListener("afterprint", () => {
    if (location.hash === "#print") return;
    paper = false;
    closed.splice(0).forEach((one) => { one.open = false; });
    plots.forEach(draw);
  });
  dark.addEventListener("change", () => plots.filter((box) => box.dataset.drawn).forEach(draw));
  addEventListener("hashchange", open);
  document.getElementById("filter").addEventListener("submit", (event) => event.preventDefault());
  wanted.addEventListener("input", filter);
  wrong.addEventListener("change", filter);
  document.getElementById("open").addEventListener("click", () => dialogues.forEach((one) => { one.open = one.open || !one.hidden; }));
  filter();
  if (paper) everything();
  else {
    const seen = new IntersectionObserver((entries) => entries.forEach((entry) => {
      if (!entry.isIntersecting) return;
      seen.unobserve(entry.target);
      if (!entry.target.dataset.drawn) draw(entry.target);
    }), { rootMargin: "400px" });
    plots.forEach((box) => seen.observe(box));
    open();
  }
  document.documentElement.dataset.ready = "yes";
})();
