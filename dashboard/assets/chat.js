// Puts the rows into place, keeps the one in focus in view, and reports the turn that was clicked.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const chat = parentElement.querySelector(".chat");
  if (chat.dataset.html !== data.html) {
    chat.innerHTML = data.html;
    chat.dataset.html = data.html;
  }
  const pick = (event) => {
    const row = event.target.closest("[data-turn]");
    if (row) setTriggerValue("clicked", Number(row.dataset.turn));
  };
  chat.onclick = pick;
  chat.onkeydown = (event) => {
    if (event.key === "Enter") pick(event);
  };
  const focus = chat.querySelector(".focus");
  if (focus) {
    const top = focus.offsetTop - chat.offsetTop;
    const outside = top < chat.scrollTop || top + focus.offsetHeight > chat.scrollTop + chat.clientHeight;
    if (outside) chat.scrollTop = Math.max(0, top - chat.clientHeight / 3);
  }
}
