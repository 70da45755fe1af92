// Puts the rows into place, keeps the one in focus in view, and reports the row that was chosen by click or key.
// One row is a stop of the Tab key (the arrows go on from it), and each line that leads to rows that are not shown.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const chat = parentElement.querySelector(".chat");
  const within = () => chat.contains(chat.getRootNode().activeElement);
  const rows = () => [...chat.querySelectorAll("[data-turn]")];
  const stopAt = (row) => {
    for (const one of rows()) one.tabIndex = one === row || one.matches(".more") ? 0 : -1;
  };
  if (chat.dataset.html !== data.html) {
    const typing = within();
    chat.innerHTML = data.html;
    chat.dataset.html = data.html;
    const start = chat.querySelector(".focus") ?? chat.querySelector("[data-turn]:not(.more)");
    stopAt(start);
    if (typing && start) start.focus({ preventScroll: true });
  }
  const pick = (event) => {
    const row = event.target.closest("[data-turn]");
    if (row) setTriggerValue("clicked", Number(row.dataset.turn));
  };
  chat.onclick = pick;
  chat.onkeydown = (event) => {
    const all = rows();
    const here = all.indexOf(event.target.closest("[data-turn]"));
    const steps = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: all.length - 1 };
    if (here < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") pick(event);
    else if (event.key in steps) all[Math.min(Math.max(steps[event.key], 0), all.length - 1)].focus();
    else return;
    event.preventDefault();
  };
  if (!chat.dataset.follows) {
    chat.dataset.follows = "focus";
    chat.addEventListener("focusin", (event) => {
      const row = event.target.closest("[data-turn]:not(.more)");
      if (row) stopAt(row);
    });
  }
  const focus = chat.querySelector(".focus");
  if (focus) {
    const top = focus.offsetTop - chat.offsetTop;
    const outside = top < chat.scrollTop || top + focus.offsetHeight > chat.scrollTop + chat.clientHeight;
    if (outside) chat.scrollTop = Math.max(0, top - chat.clientHeight / 3);
  }
}
