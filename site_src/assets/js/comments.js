// Comments: giscus is asked for only after the click; if it cannot be reached, the page says so and the link stays.
const section = document.querySelector(".vf-comments")
section?.querySelector("button").addEventListener("click", event => {
  const status = section.querySelector("[role=status]")
  const scheme = document.documentElement.dataset.scheme
  const client = document.createElement("script")
  const settings = {
    repo: section.dataset.repo, repoId: section.dataset.repoId, category: section.dataset.category,
    categoryId: section.dataset.categoryId, mapping: "specific", term: section.dataset.term, strict: "1",
    reactionsEnabled: "1", emitMetadata: "0", inputPosition: "top", theme: scheme || "preferred_color_scheme",
    lang: section.dataset.lang,
  }
  Object.assign(client.dataset, settings)
  client.crossOrigin = "anonymous"
  client.async = true
  client.src = "https://giscus.app/client.js"
  status.textContent = section.dataset.loading
  event.currentTarget.disabled = true
  client.addEventListener("load", () => { status.textContent = "" })
  client.addEventListener("error", () => {
    status.textContent = section.dataset.failed
    section.querySelector("button").disabled = false
    client.remove()
  })
  section.append(client)
})
