// Light and dark, the search button on the keyboard, full addresses on paper.
// Without this file the page follows the system's colours.
(() => {
  const root = document.documentElement

  // ---- light and dark: back to the system's choice when that is what was asked for
  const dark = matchMedia("(prefers-color-scheme: dark)")
  document.querySelector(".vf-scheme")?.addEventListener("click", () => {
    const system = dark.matches ? "dark" : "light"
    const next = (root.dataset.scheme || system) === "dark" ? "light" : "dark"
    if (next === system) delete root.dataset.scheme
    else root.dataset.scheme = next
    try {
      if (next === system) localStorage.removeItem("vf-scheme")
      else localStorage.setItem("vf-scheme", next)
    } catch { /* a private window: the choice lasts as long as the page */ }
  })

  // ---- the button that opens the search; the cursor goes where one types, and back at the end
  const query = document.querySelector("[data-md-component=search-query]")
  const search = document.getElementById("__search")
  const opener = document.querySelector(".vf-search-open")
  opener?.addEventListener("click", () => { if (!search.checked) search.click() })
  // The theme opens by /, s and f too, but a field that is out of sight takes no focus.
  window.keyboard$?.subscribe(key => {
    if (key.mode !== "global" || !["/", "s", "f"].includes(key.type)) return
    opener?.click()
    key.claim()
  })
  search?.addEventListener("change", () => {
    if (search.checked) query?.focus()
    else setTimeout(() => { if (document.activeElement === document.body) opener?.focus({ preventScroll: true }) })
  })

  // ---- the theme's search listens to keys alone, which misses pasted text and words that an
  // input method puts in
  query?.addEventListener("input", () => query.dispatchEvent(new KeyboardEvent("keyup")))

  // ---- what scrolls sideways can be scrolled by keyboard; the theme's copy buttons are no landmarks
  const content = document.getElementById("content")
  function tend() {
    content.querySelectorAll("nav.md-code__nav:not([role])").forEach(nav => nav.setAttribute("role", "none"))
    content.querySelectorAll(".md-typeset__scrollwrap, pre").forEach(box => {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0
      else box.removeAttribute("tabindex")
    })
  }
  if (content) {
    new MutationObserver(tend).observe(content, { childList: true, subtree: true })
    addEventListener("resize", tend, { passive: true })
    tend()
  }

  // ---- print: where each receipt is, and nothing folded but the solutions
  addEventListener("beforeprint", () => {
    document.querySelectorAll("a.vf-num, .vf-source a").forEach(a => { a.dataset.url = a.href })
    document.querySelectorAll(".vf-demo-example, .vf-data").forEach(d => { d.name = ""; d.open = true })
  })
})()
