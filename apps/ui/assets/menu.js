// On a phone the pages are in a drawer, which Streamlit leaves open over the page that was chosen.
window.tickerflowMenu ??= document.addEventListener("click", (event) => {
  if (event.target.closest('[data-testid="stSidebarNavLink"]'))
    document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
}) ?? true;
