// Going back and forth changes the address at once and the page when it is answered. Streamlit writes the
// address of each answer into the browser's history, also of one that came too late: the page gone back
// from, with what is asked of the page gone to. So until something is pressed the address that was gone to
// stays, whatever is answered meanwhile.
window.tickerflowHistory ??= (() => {
  const write = history.pushState;
  let gone = null;
  addEventListener("popstate", () => (gone = location.pathname), true);
  for (const kind of ["pointerdown", "click", "keydown"]) addEventListener(kind, () => (gone = null), true);
  history.pushState = function (state, title, address) {
    const other = gone !== null && new URL(address ?? "", location.href).pathname !== gone;
    if (!other) write.call(this, state, title, address);
  };
  return true;
})();
