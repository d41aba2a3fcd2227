// Files of a demo's browser rung: fetched in parts, kept by the Cache API, compared with the hash of their receipt.
// A download that broke off goes on at the part where it stopped; the second visit fetches nothing.
import { Failure } from "./demo.js"

const STORE = "vf-weights"
const PART = 8 << 20
const PAUSES = [500, 2000] // ms before a failed part is tried again
const STILL = 30_000 // ms without a byte after which a part counts as failed

export class Files {
  // `entries`: name → {url, bytes, size, sha256, gzip}; `heard(bytes)` hears of every piece that has come;
  // `held`: name → Blob, what is here already, each to be taken once.
  constructor(entries, words, signal, heard, held = new Map()) {
    Object.assign(this, { entries, words, signal, heard, held })
  }

  // The same files for one piece of work, which may be stopped alone.
  until(signal) {
    return new Files(this.entries, this.words, signal, this.heard, this.held)
  }

  url(name) {
    const one = this.entries[name]
    if (!one) throw new Error(`demo.yml names no file ${name}`)
    const url = new URL(one.url, document.baseURI)
    url.searchParams.set("v", one.sha256.slice(0, 16))
    return url.href
  }

  // The file's checked bytes as a Blob.
  async blob(name) {
    const one = this.entries[name]
    const held = this.held.get(name)
    if (this.held.delete(name)) return held
    const url = this.url(name)
    const store = await globalThis.caches?.open(STORE).catch(() => null)
    const kept = await store?.match(url)
    if (kept) {
      this.heard(one.bytes)
      return kept.blob()
    }
    const parts = []
    for (let at = 0, more = true; more && at < one.bytes; at += parts.at(-1).size) {
      const key = `${url}&from=${at}`
      const had = await store?.match(key).then(found => found?.blob())
      if (had?.size) this.heard(had.size)
      const { part, last } = had?.size ? { part: had } : await this.part(url, at, one)
      if (part !== had) await keep(store, key, part)
      parts.push(part)
      more = !last && part.size > 0
    }
    const whole = await unpacked(new Blob(parts), one).catch(() => null) // no gzip: damaged too
    const right = whole !== null && (await matches(whole, one.sha256))
    // Where the whole cannot be kept, its parts stay: the next visit puts them together again and fetches nothing.
    if (!right || (await keep(store, url, whole))) await sweep(store, url)
    if (!right) throw new Failure(this.words.damaged)
    return whole
  }

  async buffer(name) {
    return (await this.blob(name)).arrayBuffer()
  }

  async text(name) {
    return (await this.blob(name)).text()
  }

  async part(url, from, { bytes }) {
    const ranged = bytes > PART
    const headers = ranged ? { Range: `bytes=${from}-${Math.min(from + PART, bytes) - 1}` } : {}
    for (let attempt = 0; ; attempt++) {
      let come = 0
      let timer
      const still = new AbortController()
      const stop = () => still.abort()
      const wait = () => {
        clearTimeout(timer)
        timer = setTimeout(stop, STILL)
      }
      this.signal.addEventListener("abort", stop)
      try {
        this.signal.throwIfAborted()
        wait()
        const answer = await fetch(url, { headers, signal: still.signal })
        if (!answer.ok) throw Object.assign(new Failure(this.words.http.replace("{}", answer.status)), { final: answer.status < 500 })
        const pieces = []
        for await (const piece of stream(answer.body)) {
          wait()
          pieces.push(piece)
          come += piece.length
          this.heard(piece.length)
        }
        const part = new Blob(pieces)
        if (answer.status === 206) return { part }
        return { part: part.slice(from), last: true } // a host without ranges sends all
      } catch (error) {
        this.heard(-come)
        if (this.signal.aborted || error.final) throw error
        if (attempt === PAUSES.length) throw error instanceof Failure ? error : new Failure(this.words.network)
      } finally {
        clearTimeout(timer)
        this.signal.removeEventListener("abort", stop)
      }
      await new Promise(resolve => setTimeout(resolve, PAUSES[attempt]))
    }
  }
}

// Whether it is kept now. A busy browser may fail to read back what it is given, so once more; no room: it works without.
async function keep(store, key, blob) {
  for (let attempt = 0; store && attempt < 2; attempt++)
    try {
      await store.put(key, new Response(blob))
      return true
    } catch {}
  return false
}

async function* stream(body) {
  const reader = body.getReader()
  for (let read; !(read = await reader.read()).done; ) yield read.value
}

async function unpacked(blob, { gzip }) {
  const [one, two] = new Uint8Array(await blob.slice(0, 2).arrayBuffer())
  if (!gzip || one !== 0x1f || two !== 0x8b) return blob // some hosts unpack by themselves
  return new Response(blob.stream().pipeThrough(new DecompressionStream("gzip"))).blob()
}

async function matches(blob, sha256) {
  if (!crypto.subtle) return true // an insecure address, where the browser has no hashes
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()))
  return Array.from(digest, byte => byte.toString(16).padStart(2, "0")).join("") === sha256
}

// Parts of this file, and the file as other versions had it.
async function sweep(store, url) {
  const { pathname } = new URL(url)
  for (const { url: other } of (await store?.keys()) || [])
    if (other !== url && new URL(other).pathname === pathname) await store.delete(other)
}
