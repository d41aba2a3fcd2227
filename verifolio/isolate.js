// Service worker of one demo's page, registered when its reader asks for more threads: gives that page the two headers
// that threads need. Touches nothing but the page itself and stores nothing; unregistered by the same switch.
addEventListener("install", () => skipWaiting())
addEventListener("fetch", event => {
  if (event.request.mode !== "navigate") return
  event.respondWith(
    fetch(event.request).then(answer => {
      if (answer.type !== "basic" || !answer.ok) return answer
      const headers = new Headers(answer.headers)
      headers.set("Cross-Origin-Opener-Policy", "same-origin")
      headers.set("Cross-Origin-Embedder-Policy", "require-corp")
      return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers })
    })
  )
})
