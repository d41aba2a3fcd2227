// A small LLaMA in the reader's browser: llama.cpp in WebAssembly (wllama), fed with the published GGUF parts.
// Shared by the demos that talk. Greedy, as on the server; the prompt is what the model's own chat template gives.
const WLLAMA = "@wllama/wllama/esm/"
const CONTEXT = 1024
const CHUNK = 32 // tokens of the prompt between two looks at the signal
const SYSTEM = "You are a helpful assistant." // as on the server; the template's own names the model

const QUIET = { debug() {}, log() {}, warn() {}, error: console.error } // it warns of the single thread that was asked for

export class TooLong extends Error {}

// Messages → ChatML, as tokenizer.chat_template in the GGUF renders them.
export function render(messages) {
  const all = messages[0]?.role === "system" ? messages : [{ role: "system", content: SYSTEM }, ...messages]
  return `${all.map(({ role, content }) => `<|im_start|>${role}\n${content}<|im_end|>\n`).join("")}<|im_start|>assistant\n`
}

export class Llama {
  // `threads` above 1 needs an isolated page; the weights are every .gguf among the files; `came()` when they are here.
  static async load(files, threads = 1, came = () => {}) {
    if (!files.entries[`${WLLAMA}multi-thread/wllama.wasm`]) threads = 1 // the demo brings one kind only
    const { Wllama } = await import(files.url(`${WLLAMA}index.min.js`))
    const kind = `${threads > 1 ? "multi" : "single"}-thread/wllama.wasm`
    const code = URL.createObjectURL(new Blob([await files.blob(`${WLLAMA}${kind}`)], { type: "application/wasm" }))
    // A path for the single thread must be named; it is not used when there are several.
    const paths = { "single-thread/wllama.wasm": code, ...(threads > 1 ? { "multi-thread/wllama.wasm": code } : {}) }
    const one = new Llama()
    one.runtime = new Wllama(paths, { logger: QUIET, suppressNativeLog: true })
    const names = Object.keys(files.entries).filter(name => name.endsWith(".gguf")).sort()
    const parts = []
    for (const name of names) parts.push(new File([await files.blob(name)], name))
    came()
    try {
      await one.runtime.loadModel(parts, { n_ctx: CONTEXT, n_threads: threads })
    } catch (error) {
      one.runtime.exit().catch(() => {}) // not waited for: a worker that crashed may not answer
      throw error
    } finally {
      URL.revokeObjectURL(code)
    }
    one.threads = threads
    return one
  }

  // The likeliest continuation of a chat, piece by piece through `heard(text, tokens)`; before that `reading(done, total)`
  // hears how much of the prompt is read, which on one thread takes longer than the answer.
  async answer(messages, { most = 128, signal, heard = () => {}, reading = () => {} } = {}) {
    const prompt = render(messages)
    const ids = await this.runtime.tokenize(prompt, true)
    const { length } = ids
    if (length + most > CONTEXT) throw new TooLong(`${length} + ${most} > ${CONTEXT}`)
    const started = performance.now()
    await this.read(ids, signal, reading)
    let first = 0
    let tokens = 0
    const text = await this.runtime.createCompletion(prompt, {
      nPredict: most, useCache: true, sampling: { temp: 0, top_k: 1 }, abortSignal: signal,
      onNewToken: (token, piece, so_far) => {
        tokens += 1
        first ||= performance.now()
        heard(so_far, tokens)
      },
    })
    const seconds = (performance.now() - (first || started)) / 1000
    return { text, prompt: length, tokens, first: ((first || performance.now()) - started) / 1000, speed: tokens > 1 ? (tokens - 1) / seconds : 0 }
  }

  // All but the last chunk, which the completion reads itself; nothing is read twice.
  async read(ids, signal, heard) {
    const cached = await this.runtime.getCachedTokens()
    const last = ids.length - 1 // asked again: the last token must be read anew, or there is nothing to continue from
    let from = 0
    while (from < last && ids[from] === cached[from]) from += 1
    if (from < cached.length) await this.runtime.kvRemove(from, -1)
    for (let at = from; ; at += CHUNK) {
      signal?.throwIfAborted()
      heard(at - from, ids.length - from)
      if (at + CHUNK > last) return
      await this.runtime.decode(ids.slice(at, at + CHUNK), { skipLogits: true })
    }
  }

  // Read the system prompt beforehand, so that the first answer need not wait for it.
  warm(system = SYSTEM) {
    return this.runtime.createCompletion(`<|im_start|>system\n${system}<|im_end|>\n`, { nPredict: 0, useCache: true, sampling: { temp: 0 } })
  }

  close() {
    return this.runtime.exit()
  }
}
