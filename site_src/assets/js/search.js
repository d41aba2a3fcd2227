// The search: the theme's own, whose script and index come when somebody searches and not before.
// Without this file the page has no search; everything else stands.
(() => {
  const theme = document.getElementById("vf-theme") // main.html keeps it as data
  const query = document.querySelector("[data-md-component=search-query]")
  const toggle = document.getElementById("__search")
  const opener = document.querySelector(".vf-search-open")
  if (!theme || !query || !toggle) return

  // The theme listens to keys alone, which misses pasted text and words that an input method puts in.
  const tell = () => query.dispatchEvent(new KeyboardEvent("keyup"))
  query.addEventListener("input", tell)

  const address = new URLSearchParams(location.search)
  let asked = false
  function load() {
    if (asked) return
    asked = true
    const script = document.createElement("script")
    script.src = theme.src
    script.onload = () => {
      if (query.value) tell() // what was typed while it came
      // The theme marks what was found when the document is ready, which may have been before it came.
      if (address.has("h") && document.readyState !== "loading") document.dispatchEvent(new Event("DOMContentLoaded"))
    }
    script.onerror = () => { asked = false } // the next click tries again
    document.head.append(script)
  }
  if (address.has("q") || address.has("h")) { // a link to a search, or to what one found, which the theme marks
    document.querySelector(".md-content").dataset.mdComponent = "content"
    load()
  }
  query.addEventListener("focus", load)
  toggle.addEventListener("change", load)

  // ---- the button and the keys that open it; the cursor goes where one types, and back at the end
  const open = () => { if (!toggle.checked) toggle.click() }
  opener?.addEventListener("click", open)
  addEventListener("keydown", key => {
    if (key.ctrlKey || key.metaKey || key.altKey) return
    if (key.key === "Escape" && toggle.checked) toggle.click()
    const typing = key.target.closest?.("input, textarea, select, [contenteditable]")
    if (typing || !["/", "s", "f"].includes(key.key)) return
    key.preventDefault()
    open()
  })
  toggle.addEventListener("change", () => {
    if (toggle.checked) { query.focus(); return }
    query.blur() // at once: the theme's script opens the search again if it comes while the cursor is still there
    setTimeout(() => { if (!toggle.checked && document.activeElement === document.body) opener?.focus({ preventScroll: true }) })
  })
})()
