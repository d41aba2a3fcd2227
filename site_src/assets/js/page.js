// Light and dark, wide boxes by keyboard, copying code, where one is in the contents, full addresses on paper.
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

  const content = document.getElementById("content")

  // ---- what scrolls sideways can be scrolled by keyboard
  const fit = new ResizeObserver(entries => {
    for (const { target } of entries) {
      const box = target.closest(".vf-table, .vf-wide") ?? target
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0
      else box.removeAttribute("tabindex")
    }
  })
  // Tables too: a box that waits far below the fold may keep its size when its table comes.
  const boxes = ".vf-table, .vf-table table, .vf-wide, .vf-wide table, pre, pre > code"
  const watch = within => within.querySelectorAll?.(boxes).forEach(box => {
    fit.unobserve(box) // one that is watched already would not be measured again
    fit.observe(box)
  })
  if (content) {
    content.querySelectorAll("table:not([class])").forEach(table => {
      if (table.closest(".vf-table")) return
      const box = document.createElement("div") // a table that no block of ours holds
      box.className = "vf-wide"
      table.replaceWith(box)
      box.append(table)
    })
    watch(content)
    document.fonts.addEventListener("loadingdone", () => watch(content)) // letters of another width
    new MutationObserver(changes => changes.forEach(({ addedNodes }) => addedNodes.forEach(watch)))
      .observe(content, { childList: true, subtree: true })
  }

  // ---- code can be copied
  const say = JSON.parse(document.getElementById("__config")?.textContent || "{}").translations ?? {}
  content?.querySelectorAll("pre > code").forEach(code => {
    const button = document.createElement("button")
    const name = text => { button.title = text; button.setAttribute("aria-label", text) }
    button.className = "vf-copy"
    button.type = "button"
    name(say["clipboard.copy"])
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.innerText)
        name(say["clipboard.copied"])
        setTimeout(() => name(say["clipboard.copy"]), 2000)
      } catch { getSelection().selectAllChildren(code) } // not allowed here: ready for the reader's own keys
    })
    code.before(button)
  })

  // ---- the contents show where one is
  const links = new Map([...document.querySelectorAll(".md-nav--secondary .md-nav__link")].map(link => [decodeURIComponent(link.hash.slice(1)), link]))
  const headings = [...content?.querySelectorAll("h2[id], h3[id]") ?? []].filter(({ id }) => links.has(id))
  const above = new Map()
  let active
  const follow = new IntersectionObserver(entries => {
    for (const { target, isIntersecting } of entries) above.set(target, isIntersecting)
    const link = links.get(headings.findLast(one => above.get(one))?.id)
    if (link === active) return
    active?.classList.remove("md-nav__link--active")
    link?.classList.add("md-nav__link--active")
    const box = link?.closest(".md-sidebar__scrollwrap")
    if (box && box.scrollHeight > box.clientHeight) box.scrollTop = link.offsetTop - box.clientHeight / 2
    active = link
  }, { rootMargin: "1000000px 0px -75% 0px" }) // from far above on: a leap crosses no narrow strip
  headings.forEach(one => follow.observe(one))

  // ---- print: where each receipt is, and nothing folded but the solutions
  addEventListener("beforeprint", () => {
    document.querySelectorAll("a.vf-num, .vf-source a").forEach(a => { a.dataset.url = a.href })
    document.querySelectorAll(".vf-demo-example, .vf-data").forEach(d => { d.name = ""; d.open = true })
  })
})()
