// e5 as it came, in the reader's browser: projects/rag/e5_tokens.py step by step, then the same 4-bit weights in
// onnxruntime's WebAssembly build, one thread.
const ORT = "onnxruntime-web/dist/"
const SPACE = "▁"
const SPECIAL = 4 // the first ids: begin, padding, end, unknown
export const FILES = ["dense/e5.onnx", "dense/e5.json", "dense/vectors.bin", `${ORT}ort.wasm.min.mjs`, `${ORT}ort-wasm-simd-threaded.mjs`, `${ORT}ort-wasm-simd-threaded.wasm`]

// Of all ways to cut a text the one whose pieces score most together (unigram).
export class Tokenizer {
  constructor(told) {
    this.told = told
    this.known = new Map()
    this.most = 0
    told.pieces.forEach((piece, at) => {
      if (at < SPECIAL) return
      this.known.set(piece, at)
      this.most = Math.max(this.most, Array.from(piece).length)
    })
  }

  ids(text) {
    const { normal, scores, unknown, unknown_score, longest, begin, end } = this.told
    let plain = Array.from(text, one => normal[one] ?? one).join("").replace(/ {2,}/g, " ")
    if (!plain.startsWith(" ")) plain = ` ${plain}`
    const letters = Array.from(plain.replaceAll(" ", SPACE))
    const best = new Float64Array(letters.length + 1).fill(-1e30)
    const came = new Array(letters.length + 1)
    best[0] = 0
    for (let start = 0; start < letters.length; start++) {
      let piece = ""
      for (let to = start; to < Math.min(letters.length, start + this.most); to++) {
        piece += letters[to]
        const at = this.known.get(piece)
        if (at !== undefined && best[start] + scores[at] > best[to + 1]) {
          best[to + 1] = best[start] + scores[at]
          came[to + 1] = [start, at]
        }
      }
      if (best[start] + unknown_score > best[start + 1]) {
        best[start + 1] = best[start] + unknown_score
        came[start + 1] = [start, unknown]
      }
    }
    const found = []
    for (let at = letters.length; at; ) {
      const [from, id] = came[at]
      found.push(id)
      at = from
    }
    return [begin, ...found.reverse().slice(0, longest - 2), end]
  }
}

export class Encoder {
  // `told`: the parsed e5.json
  static async load(files, told) {
    const ort = await import(files.url(`${ORT}ort.wasm.min.mjs`))
    Object.assign(ort.env.wasm, {
      numThreads: 1,
      wasmBinary: await files.buffer(`${ORT}ort-wasm-simd-threaded.wasm`),
      wasmPaths: { mjs: files.url(`${ORT}ort-wasm-simd-threaded.mjs`) },
    })
    ort.env.logLevel = "error"
    const one = new Encoder()
    one.told = told
    one.tokenizer = new Tokenizer(told)
    one.tensor = ids => new ort.Tensor("int64", BigInt64Array.from(ids, BigInt), [ids.length])
    one.session = await ort.InferenceSession.create(await files.buffer("dense/e5.onnx"), { executionProviders: ["wasm"] })
    return one
  }

  // A question as a vector of length one.
  async encode(question) {
    const { vector } = await this.session.run({ ids: this.tensor(this.tokenizer.ids(this.told.query + question)) })
    return vector.data
  }

  close() {
    return this.session.release()
  }
}
