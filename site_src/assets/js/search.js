// The theme asks for its search index as soon as a page opens, on every page; the index grows with
// every post. Here that request waits until somebody searches. Stands before the theme's own script;
// without this file search works as the theme has it.
(() => {
  const query = document.querySelector("[data-md-component=search-query]")
  const toggle = document.getElementById("__search")
  if (!query || !toggle) return
  const wanted = new Promise(resolve => {
    const address = new URLSearchParams(location.search)
    if (address.has("q") || address.has("h")) resolve() // a link to a search, or to what one found
    query.addEventListener("focus", resolve, { once: true })
    toggle.addEventListener("change", resolve, { once: true })
  })

  const { open, send } = XMLHttpRequest.prototype
  const index = new WeakSet()
  XMLHttpRequest.prototype.open = function (method, url, ...more) {
    if (/\/search\/search_index\.json$/.test(url)) index.add(this)
    return open.call(this, method, url, ...more)
  }
  XMLHttpRequest.prototype.send = function (...body) {
    if (index.has(this)) wanted.then(() => send.apply(this, body))
    else send.apply(this, body)
  }
})()
