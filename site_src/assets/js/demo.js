// <vf-demo>: one demo on its ladder. Its recorded outputs stand in the HTML; what runs in this browser and what runs
// live come after a click, in the same place, with a way back. Nothing is fetched before the click; the recorded
// outputs stay until a rung is ready, and come back when it fails. Without this file the page still reads.
const RUNGS = { browser: "./demo-browser.js", live: "./demo-live.js" }
const AGAIN = "vf-demo-again" // which demo opens itself after a reload that it asked for

export class Failure extends Error {} // its message is for the reader

export function make(tag, attributes = {}, ...inside) {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name in node && name !== "list") node[name] = value
    else node.setAttribute(name, value)
  }
  node.append(...inside)
  return node
}

class Demo extends HTMLElement {
  connectedCallback() {
    const told = this.querySelector("script[type='application/json']")
    if (this.data || !told) return
    this.data = JSON.parse(told.textContent)
    this.words = this.data.words
    this.recorded = this.querySelector(".vf-demo-recorded")
    this.status = this.querySelector(".vf-demo-status")
    this.buttons = Object.fromEntries(Object.keys(RUNGS).map(rung => [rung, this.querySelector(`.vf-demo-${rung}`)]))
    this.labels = {}
    for (const [rung, button] of Object.entries(this.buttons)) {
      if (!button) continue
      this.labels[rung] = button.textContent
      button.addEventListener("click", event => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return
        event.preventDefault()
        if (this.rung === rung) this.back()
        else this.climb(rung)
      })
    }
    if (remembered() === this.data.slug && this.buttons.browser) this.climb("browser")
  }

  disconnectedCallback() {
    if (this.rung) this.back()
  }

  async climb(rung) {
    const inside = this.contains(document.activeElement)
    if (this.rung) this.back()
    if (inside) this.buttons[rung].focus({ preventScroll: true }) // what was pressed may go with the line that it stands in
    this.rung = rung
    this.work = new AbortController()
    const { signal } = this.work
    this.recorded.setAttribute("aria-busy", "true") // not on the whole: screen readers would pass over the line of status
    this.buttons[rung].textContent = this.words.cancel
    try {
      const { open } = await import(RUNGS[rung])
      if (signal.aborted) return
      const close = await open(this, signal)
      if (signal.aborted) return close?.()
      this.close = close
      this.buttons[rung].textContent = this.words.back
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof Failure)) console.error(error)
      const known = error instanceof Failure
      this.back(known ? error.message : `${this.words.failed} (${error?.message || error})`, rung, !known)
    } finally {
      if (!signal.aborted) this.recorded.removeAttribute("aria-busy")
    }
  }

  // Back to the recorded outputs; with `fault`, a word why, another try and the next rung. After a `stuck` one the page
  // loads again: a module that failed to come stays failed for as long as its page lives.
  back(fault = "", tried = "", stuck = false) {
    const { rung } = this
    const inside = this.contains(document.activeElement)
    this.work.abort()
    this.close?.()
    this.stage?.remove()
    this.rung = this.close = this.stage = undefined
    this.recorded.removeAttribute("aria-busy")
    this.line = undefined
    this.recorded.hidden = false
    this.buttons[rung].textContent = this.labels[rung]
    this.tell(fault)
    if (fault) {
      const others = Object.keys(RUNGS).filter(name => name !== tried && this.buttons[name])
      this.status.append(
        this.button(this.words.retry, () => (stuck && tried === "browser" ? this.again() : this.climb(tried))),
        ...others.map(name => this.button(this.labels[name], () => this.climb(name)))
      )
    }
    if (inside) this.buttons[rung].focus({ preventScroll: true })
  }

  button(text, act) {
    return make("button", { type: "button", className: "vf-button vf-quiet", textContent: text, onclick: act })
  }

  // One line about what happens, read out by screen readers; anything below it goes. A rung may put `line` where one looks.
  tell(text) {
    this.told.replaceChildren(text)
  }

  get told() {
    return this.line || this.status
  }

  // How far a download or a computation is: read out when it begins and ends, drawn in between.
  progress(done, total, text = `${megabytes(done)} / ${megabytes(total)}`) {
    let bar = this.told.querySelector("progress")
    if (!bar) {
      bar = make("progress", { "aria-label": this.words.loading })
      this.told.append(bar, make("span", { "aria-hidden": "true" }))
    }
    bar.max = total
    bar.value = done
    bar.nextSibling.textContent = text
  }

  // A question before something large; resolves on yes.
  ask(text, yes) {
    this.tell(text)
    return new Promise((resolve, reject) => {
      this.status.append(this.button(yes, () => {
        this.buttons[this.rung].focus({ preventScroll: true })
        resolve()
      }))
      this.work.signal.addEventListener("abort", () => reject(this.work.signal.reason))
    })
  }

  // The rung's own place, instead of the recorded outputs and no smaller than they.
  show(...inside) {
    this.stage = make("div", { className: "vf-demo-stage" }, ...inside)
    this.stage.style.minHeight = `${this.recorded.offsetHeight}px`
    this.recorded.after(this.stage)
    this.recorded.hidden = true
  }

  // Load the page again and open the browser rung by itself: new headers hold from the next load on.
  again() {
    try {
      sessionStorage.setItem(AGAIN, this.data.slug)
    } catch {} // no storage here: the reader clicks once more
    location.reload()
  }
}

export const megabytes = bytes => `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`

function remembered() {
  try {
    const slug = sessionStorage.getItem(AGAIN)
    sessionStorage.removeItem(AGAIN)
    return slug
  } catch {
    return null // no storage here: nothing was asked for
  }
}

customElements.define("vf-demo", Demo)
