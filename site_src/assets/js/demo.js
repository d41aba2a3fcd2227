// A demo's live rung: the same place and size as the recorded outputs, opened by a click and left by
// another. Nothing is asked of the demo's server before the click. Without this file the button is
// a link to the app.
(() => {
  const WORDS = {
    zh: {
      opening: "正在连接演示……",
      open: "演示已打开，输入只发往上面这个地址。",
      failed: "演示没有回应。它可能没有启动；录下的输出仍在这里。",
    },
    en: {
      opening: "Connecting to the demo …",
      open: "The demo is open; what you type goes only to the address above.",
      failed: "The demo does not answer. It may not be running; the recorded outputs are still here.",
    },
  }
  const words = WORDS[document.documentElement.lang.slice(0, 2)] || WORDS.en
  const PATIENCE_MS = 8000

  function scheme() {
    const chosen = document.documentElement.dataset.scheme
    return chosen || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")
  }

  document.querySelectorAll(".vf-demo").forEach(demo => {
    const button = demo.querySelector(".vf-demo-live")
    const recorded = demo.querySelector(".vf-demo-recorded")
    if (!button || !recorded) return
    const label = button.textContent
    const say = demo.querySelector(".vf-demo-rungs p")
    const note = say?.textContent
    say?.setAttribute("role", "status")
    const tell = text => { if (say) say.textContent = text }
    let stage = null
    let opening = false

    function leave() {
      stage.remove()
      stage = null
      recorded.hidden = false
      button.textContent = label
      tell(note)
    }

    async function enter() {
      tell(words.opening)
      try {
        // Opaque, but it fails when nobody listens; an iframe would not tell.
        await fetch(button.href, { mode: "no-cors", signal: AbortSignal.timeout(PATIENCE_MS) })
      } catch {
        tell(words.failed)
        return
      }
      const address = new URL(button.href)
      address.searchParams.set("__theme", scheme())
      stage = document.createElement("div")
      stage.className = "vf-demo-stage"
      const frame = document.createElement("iframe")
      frame.src = address
      frame.title = demo.querySelector(".vf-demo-title, h2, h3")?.textContent || label
      frame.style.height = Math.max(recorded.offsetHeight, 560) + "px"
      const where = document.createElement("p")
      where.textContent = address.origin
      stage.append(where, frame)
      recorded.after(stage)
      recorded.hidden = true
      button.textContent = button.dataset.back || label
      tell(words.open)
    }

    button.addEventListener("click", event => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return
      event.preventDefault()
      if (stage) leave()
      else if (!opening) {
        opening = true
        enter().finally(() => { opening = false })
      }
    })
  })
})()
