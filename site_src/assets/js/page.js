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

  // ---- the label that opens the search answers the keyboard like a button
  document.querySelector(".vf-search-open")?.addEventListener("keydown", event => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault()
      event.currentTarget.click()
    }
  })

  // ---- and puts the cursor where one types; the theme's search listens to keys alone, which
  // misses pasted text and words that an input method puts in
  const query = document.querySelector("[data-md-component=search-query]")
  document.getElementById("__search")?.addEventListener("change", event => {
    if (event.target.checked) query?.focus()
  })
  query?.addEventListener("input", () => query.dispatchEvent(new KeyboardEvent("keyup")))

  // ---- print: where each receipt is, and nothing folded but the solutions
  addEventListener("beforeprint", () => {
    document.querySelectorAll("a.vf-num, .vf-source a").forEach(a => { a.dataset.url = a.href })
    document.querySelectorAll(".vf-demo-example, .vf-data").forEach(d => { d.name = ""; d.open = true })
  })
})()
