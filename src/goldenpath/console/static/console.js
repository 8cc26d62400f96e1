// The slider of the page of time: it names the moment of an event, and asks for it when let go.
function shown(slider) {
  const items = slider.closest("section").querySelectorAll(".moments-list li");
  return items[Number(slider.value)];
}
document.addEventListener("input", (event) => {
  if (!event.target.matches("input.moments")) return;
  event.target.closest("section").querySelector(".moment").textContent = shown(event.target).textContent;
});
document.addEventListener("change", (event) => {
  if (!event.target.matches("input.moments")) return;
  const time = shown(event.target).dataset.time;
  document.querySelector("form input[name=time]").value = time;
  const panel = document.querySelector("section[data-panel=at]");
  htmx.ajax("GET", "/panels/at?time=" + encodeURIComponent(time), { target: panel, swap: "innerHTML" });
});

// Tells the panels that something has changed, at most every two seconds.
const changes = new EventSource("/changes");
let last = 0;
let waits = null;
function changed() {
  waits = null;
  last = Date.now();
  document.body.dispatchEvent(new CustomEvent("changed"));
}
changes.addEventListener("changed", () => {
  if (waits === null) waits = setTimeout(changed, Math.max(0, last + 2000 - Date.now()));
});
