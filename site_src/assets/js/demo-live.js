// The live rung: a Gradio app in a frame. Its state is asked for first, with a time limit, so that no frame stays blank.
import { Failure, make } from "./demo.js"

const STAGES = {
  RUNNING: "running", RUNNING_BUILDING: "running", RUNNING_APP_STARTING: "running",
  SLEEPING: "waking", BUILDING: "waking", APP_STARTING: "waking", STARTING: "waking",
  PAUSED: "paused", STOPPED: "paused",
  NO_APP_FILE: "broken", CONFIG_ERROR: "broken", BUILD_ERROR: "broken", RUNTIME_ERROR: "broken", DELETING: "broken",
}

export async function open(demo, signal) {
  const { words, data } = demo
  // Such a page shows another host's only where the frame may be without credentials.
  if (globalThis.crossOriginIsolated && !("credentialless" in HTMLIFrameElement.prototype)) throw new Failure(words.live_isolated)
  const faults = []
  for (const place of data.live) {
    demo.tell(words.live_opening.replace("{}", place.name))
    const state = await settled(place, demo, signal)
    if (state === "running") return enter(place, demo)
    faults.push(`${place.name}: ${words[`live_${state}`]}`)
  }
  throw new Failure(`${faults.join(words.stop_mark)}${words.stop_mark}${words.live_rest}`)
}

// running, paused, broken, unreachable or garbage; a place that sleeps is woken and waited for.
async function settled(place, demo, signal) {
  const { patience } = demo.data // ms, from the engine
  const until = Date.now() + patience.waking
  for (;;) {
    const state = await ask(place, patience, signal)
    if (state === "unknown" || state === "running") return (await answers(place.url, patience, signal)) ? "running" : "unreachable"
    if (state !== "waking") return state
    if (Date.now() > until) return "asleep"
    demo.tell(demo.words.live_waking.replace("{}", place.name))
    answers(place.url, patience, signal).catch(() => {}) // a request is what wakes it
    await new Promise(resolve => setTimeout(resolve, patience.every))
    signal.throwIfAborted()
  }
}

async function ask({ states }, patience, signal) {
  let last = "unknown"
  for (const url of states) {
    try {
      const answer = await fetch(url, { signal: within(signal, patience.answer), credentials: "omit", referrerPolicy: "no-referrer" })
      if (answer.status === 401 || answer.status === 404) return "gone"
      const stage = (await answer.json())?.runtime?.stage
      if (STAGES[stage]) return STAGES[stage]
      last = "garbage"
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof SyntaxError) last = "garbage"
    }
  }
  return last === "garbage" ? "garbage" : states.length ? "unreachable" : "unknown"
}

// Opaque, but it fails when nobody listens; a frame would not tell.
async function answers(url, patience, signal) {
  if (globalThis.crossOriginIsolated) return true // such a page is refused the answer of any other host, though not its frame
  try {
    await fetch(url, { mode: "no-cors", signal: within(signal, patience.answer) })
    return true
  } catch {
    signal.throwIfAborted()
    return false
  }
}

// A signal that ends with `signal` or after so many ms; AbortSignal.any is too new for many phones.
function within(signal, ms) {
  const one = new AbortController()
  const end = () => one.abort()
  setTimeout(end, ms)
  if (signal.aborted) end()
  else signal.addEventListener("abort", end)
  return one.signal
}

function enter(place, demo) {
  const { words } = demo
  const address = new URL(place.url)
  const frame = make("iframe", { title: demo.querySelector(".vf-demo-title").textContent, allow: "clipboard-write" })
  if (globalThis.crossOriginIsolated && "credentialless" in frame) frame.credentialless = true
  const theme = () => {
    const scheme = document.documentElement.dataset.scheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")
    address.searchParams.set("__theme", scheme)
    if (frame.src !== address.href) frame.src = address
  }
  theme()
  const watch = new MutationObserver(theme)
  watch.observe(document.documentElement, { attributes: true, attributeFilter: ["data-scheme"] })
  const system = matchMedia("(prefers-color-scheme: dark)")
  system.addEventListener("change", theme)
  // iframe-resizer's words, which Gradio's pages understand.
  const resize = ({ source, data }) => {
    if (source !== frame.contentWindow || typeof data !== "string" || !data.startsWith("[iFrameSizer]vf:")) return
    const height = Number(data.split(":")[1])
    if (height > 200) frame.style.height = `${Math.min(height, 4000)}px`
  }
  addEventListener("message", resize)
  const slow = setTimeout(() => demo.tell(words.live_slow), 20000)
  frame.addEventListener("load", () => {
    clearTimeout(slow)
    demo.tell(words.live_open)
    frame.contentWindow.postMessage("[iFrameSizer]vf:8:false:true:32:true:true:null:bodyOffset:null:null:0:false:parent:scroll:true", address.origin)
  })
  const height = Math.max(demo.recorded.offsetHeight, 560)
  demo.show(make("p", {}, make("a", { href: place.url, target: "_blank", rel: "noopener", textContent: address.origin })), frame)
  frame.style.height = `${height}px`
  demo.tell(words.live_open)
  return () => {
    clearTimeout(slow)
    watch.disconnect()
    system.removeEventListener("change", theme)
    removeEventListener("message", resize)
  }
}
