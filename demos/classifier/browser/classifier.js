// The classifier in the reader's browser: the published INT8 weights in onnxruntime's WebAssembly build, one thread.
import { WordPiece } from "./wordpiece.js"

const ORT = "onnxruntime-web/dist/"
const WORDS = {
  zh: { input: "英文影评", run: "判断", positive: "正面", negative: "负面", tokens: "词元", time: "用时" },
  en: { input: "Film review, in English", run: "Classify", positive: "positive", negative: "negative", tokens: "tokens", time: "time" },
}

export class Classifier {
  static async load(files) {
    const ort = await import(files.url(`${ORT}ort.wasm.min.mjs`))
    Object.assign(ort.env.wasm, {
      numThreads: 1, // at these lengths a second thread gains nothing
      wasmBinary: await files.buffer(`${ORT}ort-wasm-simd-threaded.wasm`),
      wasmPaths: { mjs: files.url(`${ORT}ort-wasm-simd-threaded.mjs`) },
    })
    ort.env.logLevel = "error"
    const one = new Classifier()
    one.tensor = (values, shape) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), shape)
    one.session = await ort.InferenceSession.create(await files.buffer("classifier.onnx"), { executionProviders: ["wasm"] })
    one.tokenizer = new WordPiece(JSON.parse(await files.text("tokenizer.json")))
    Object.assign(one, JSON.parse(await files.text("classifier.json"))) // labels, max_tokens
    return one
  }

  // Negative and positive logit, and how many tokens were read.
  async logits(text) {
    const ids = this.tokenizer.frame(text, this.max_tokens)
    const shape = [1, ids.length]
    const feeds = { input_ids: this.tensor(ids, shape), attention_mask: this.tensor(ids.map(() => 1), shape) }
    const { logits } = await this.session.run(feeds)
    return { logits: Array.from(logits.data), tokens: ids.length }
  }
}

export async function open({ lang, files }) {
  const words = WORDS[lang]
  const classifier = await Classifier.load(files)
  await classifier.logits("warm") // the first run compiles
  return {
    input: { label: words.input, rows: 5 },
    run: words.run,
    async answer(text) {
      const started = performance.now()
      const { logits: [negative, positive], tokens } = await classifier.logits(text)
      const took = performance.now() - started
      const share = 1 / (1 + Math.exp(negative - positive))
      const label = classifier.labels[share >= 0.5 ? 1 : 0]
      return {
        label: words[label], score: Math.max(share, 1 - share),
        facts: [[words.tokens, `${tokens}`], [words.time, `${took.toFixed(0)} ms`]],
      }
    },
    close: () => classifier.session.release(),
  }
}
