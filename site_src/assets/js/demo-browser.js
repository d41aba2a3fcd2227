// The rung in this browser: files with progress, then a form around what the demo's module offers.
//   open(host) → { input: {label, rows}, run: label, actions, settings, answer(text, {action, signal, show}), close() }
//   host: {lang, files, signal, threads, tell(text), progress(done, total), size(names): text, expect(names)}
// An answer is {label, score, text, note, sources: [{document, place, quote}], facts: [[name, value]]}.
import { Failure, make, megabytes } from "./demo.js"
import { Files } from "./demo-files.js"

export async function open(demo, signal) {
  const { data, words } = demo
  const { browser } = data
  if (!globalThis.WebAssembly || !globalThis.DecompressionStream) throw new Failure(words.too_old)
  await enoughMemory(demo, browser)
  const total = browser.bytes
  let done = 0
  demo.tell(words.loading)
  const heard = bytes => signal.aborted || demo.progress(Math.min(total, (done += bytes)), total)
  heard(0)
  const files = new Files({ ...browser.first, ...browser.later }, words, signal, heard)
  const names = Object.keys(browser.first).filter(name => !/\.m?js$/.test(name))
  const held = new Map() // until the module reads them: not every browser keeps what has come
  for (const name of names) {
    held.set(name, await files.blob(name))
    signal.throwIfAborted()
  }
  demo.tell(words.starting)
  const quiet = new Files(files.entries, words, signal, bytes => signal.aborted || demo.onmore?.(bytes), held)
  const bytes = names => names.reduce((sum, name) => sum + files.entries[name].bytes, 0)
  const { open: start } = await import(new URL(browser.module, document.baseURI))
  signal.throwIfAborted()
  const session = await start({
    lang: data.lang, files: quiet, signal, tell: text => signal.aborted || demo.tell(text), progress: estimate(demo, signal),
    size: names => megabytes(bytes(names)), expect: names => { demo.expected = bytes(names) }, // what comes on request
    threads: globalThis.crossOriginIsolated ? navigator.hardwareConcurrency || 1 : 1,
  })
  if (!signal.aborted) form(demo, session, signal, browser)
  return () => session.close?.()
}

// Draws how far a computation is, with the seconds that it will still take at the speed so far.
function estimate(demo, signal) {
  let began = 0
  return (done, total) => {
    if (signal.aborted) return
    if (!done) began = performance.now()
    const left = done && ((performance.now() - began) / done) * (total - done)
    demo.progress(done, total, done ? `≈ ${Math.ceil(left / 1000)} s` : "")
  }
}

async function enoughMemory(demo, { memory }) {
  const has = navigator.deviceMemory
  const phone = has === undefined && matchMedia("(pointer: coarse) and (max-width: 600px)").matches
  if (has < memory || (phone && memory > 0.5)) await demo.ask(demo.words.memory.replace("{}", memory), demo.words.anyway)
}

function form(demo, session, signal, browser) {
  const { words } = demo
  const id = `vf-demo-${demo.data.slug}-input`
  const recorded = [...new Set(Array.from(demo.recorded.querySelectorAll(".vf-demo-input"), node => node.textContent))]
  const input = make("textarea", { id, rows: session.input.rows || 3, value: recorded[0] || "", spellcheck: false })
  const examples = make("select", { "aria-label": words.examples, onchange: () => { input.value = examples.value } },
    ...recorded.map(text => make("option", { value: text, textContent: text.length > 60 ? `${text.slice(0, 60)}…` : text })))
  const output = make("div", { className: "vf-demo-output", role: "region", "aria-label": words.output, "aria-live": "polite", tabIndex: 0 })
  const line = make("p", { className: "vf-demo-line", role: "status" }) // what the answer waits for, beside it
  const stop = demo.button(words.stop, () => work?.abort())
  stop.hidden = true
  let work = null

  const ask = async action => {
    if (work || !input.value.trim()) return
    work = new AbortController()
    signal.addEventListener("abort", () => work?.abort())
    buttons.forEach(one => one.setAttribute("aria-disabled", "true")) // disabled ones would lose the focus
    stop.hidden = false
    output.setAttribute("aria-busy", "true")
    output.replaceChildren(make("p", { className: "vf-demo-note", textContent: words.working }))
    const show = answer => output.replaceChildren(...rendered(answer, demo))
    let come = 0
    demo.expected = 0
    demo.onmore = bytes => demo.expected && demo.progress((come += bytes), Math.max(come, demo.expected))
    try {
      const last = await session.answer(input.value.trim(), { action, signal: work.signal, show })
      output.removeAttribute("aria-busy") // first, or it is not read out
      show(last)
    } catch (error) {
      if (!work.signal.aborted) {
        const known = error instanceof Failure || error?.told // `told`: the module's own words for the reader
        if (!known) console.error(error)
        output.replaceChildren(make("p", { role: "alert", textContent: known ? error.message : `${words.failed_here} (${error?.message || error})` }))
        if (!known) output.append(demo.button(words.retry, () => demo.again()))
      } else if (output.querySelector(".vf-demo-note")?.textContent === words.working) output.replaceChildren()
    } finally {
      line.replaceChildren()
      work = null
      buttons.forEach(one => one.removeAttribute("aria-disabled"))
      const left = document.activeElement === stop
      stop.hidden = true
      if (left) buttons[0].focus({ preventScroll: true })
      output.removeAttribute("aria-busy")
    }
  }

  const actions = session.actions || [{ label: session.run }]
  const buttons = actions.map(({ key, label }, at) => {
    const button = make("button", { type: at ? "button" : "submit", className: at ? "vf-button vf-quiet" : "vf-button", textContent: label })
    if (at) button.onclick = () => ask(key)
    return button
  })
  demo.show(
    make("form", { className: "vf-demo-form", onsubmit: event => { event.preventDefault(); ask(actions[0].key) } },
      make("label", { htmlFor: id, textContent: session.input.label }),
      ...(recorded.length > 1 ? [examples] : []), input,
      make("div", { className: "vf-demo-actions" }, ...buttons, stop, ...threads(demo, browser))),
    line, output)
  demo.tell(words.ready)
  demo.line = line
  const { activeElement } = document
  if (demo.contains(activeElement) || activeElement === document.body) input.focus({ preventScroll: true }) // not from elsewhere
}

// More threads need two headers; where the host does not send them, a service worker for this page alone can.
function threads(demo, browser) {
  const { words } = demo
  if (!browser.threads || (navigator.hardwareConcurrency || 1) < 2) return []
  const scope = browser.isolate && new URL(browser.isolate, document.baseURI)
  if (!navigator.serviceWorker || !scope) return []
  const own = () => navigator.serviceWorker.getRegistration(new URL(".", scope))
  const set = async on => {
    if (on) {
      await navigator.serviceWorker.register(scope)
      const one = await own()
      const worker = one.active || one.installing || one.waiting
      await new Promise((resolve, reject) => {
        const look = () => {
          if (worker.state === "activated") resolve()
          if (worker.state === "redundant") reject(new Error(worker.state))
        }
        worker.addEventListener("statechange", look)
        look()
      })
    } else await (await own())?.unregister()
    demo.again()
  }
  const isolated = globalThis.crossOriginIsolated
  const box = make("input", { type: "checkbox", checked: isolated, onchange: () => set(box.checked).catch(error => {
    box.checked = isolated
    demo.tell(`${words.failed_here} (${error.message})`)
  }) })
  own().then(one => { box.disabled = isolated && !one }) // the host sends the headers: nothing to switch
  return [make("label", { className: "vf-demo-switch", title: words.threads_note }, box, ` ${words.threads}`)]
}

function rendered({ label, score, text, note, sources = [], facts = [] }, { data, words }) {
  const language = text => (/[\u3400-\u9fff]/.test(text) ? "zh" : "en")
  const percent = score === undefined ? "" : `${(100 * score).toFixed(1)} %`
  const parts = []
  if (label) {
    const meter = make("meter", { min: 0, max: 1, value: score, "aria-label": words.confidence })
    parts.push(make("p", { className: "vf-demo-verdict" }, make("strong", { className: "vf-demo-label", textContent: label }),
      meter, make("span", { className: "vf-demo-prob", textContent: percent })))
  }
  if (note) parts.push(make("p", { className: "vf-demo-note", textContent: note }))
  if (text !== undefined) parts.push(make("div", { className: "vf-demo-text", lang: language(text), textContent: text }))
  if (sources.length) parts.push(make("ol", { className: "vf-demo-sources" }, ...sources.map(({ document: name, place, quote }) =>
    make("li", {}, make("cite", { lang: language(name), textContent: name }), ` ${place} `, make("q", { lang: language(quote), textContent: quote })))))
  if (facts.length) parts.push(make("dl", { className: "vf-demo-facts", lang: data.lang }, ...facts.map(([name, value]) =>
    make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value })))))
  return parts
}
