// The shop assistant in the reader's browser: found by words, or on request by meaning, and quoted with its source; put into a sentence by the small
// model only when asked to, and only if that sentence holds no word and no number that the quotations lack.
import { DenseSearch } from "./dense.js"
import { Encoder, FILES } from "./e5.js"
import { Search, languageOf } from "./search.js"

const SYSTEM = "Answer the customer's question in one short sentence. Use only the facts given."
const MOST = 48 // tokens of it
const NUMBER = /\d+(?:[.,]\d+)*/g
const SENTENCE = /\S.*[.!?]\s/s
const WORDS = {
  zh: {
    input: "向网店客服提问", find: "按词查资料", meaning: "按语义查（{}）", generate: "让模型作答（{}）",
    quoted: "以下为资料原文摘录，未经改写：", refused: "抱歉，现有资料里没有找到这个问题的答案。请换个说法，或联系人工客服。",
    english: "小模型不会中文，所以直接引用原文：", unsafe: "模型的句子里有资料没有的内容，因此改为引用原文：", said: "由小模型根据下列出处写成：", time: "用时",
    encoder: "正在下载编码器……", encoding: "正在理解问题……",
    loading: "正在下载小模型……", starting: "小模型正在启动……", reading: "小模型正在读资料……", writing: "小模型正在写……",
  },
  en: {
    input: "Ask the shop's assistant", find: "Search by words", meaning: "Search by meaning ({})", generate: "Let the model answer ({})",
    quoted: "Quoted from the documents, word for word:", refused: "Sorry, the documents do not say. Please put it another way, or ask a person of our service.",
    english: "The small model knows no Chinese, so the documents are quoted:", unsafe: "The model's sentence held words that the documents lack, so they are quoted:", said: "Written by the small model from these sources:", time: "time",
    encoder: "The encoder is coming…", encoding: "Reading the question…",
    loading: "The small model is coming…", starting: "The small model starts…", reading: "The small model reads the documents…", writing: "The small model writes…",
  },
}

const duration = ms => (ms < 10_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(0)} s`)

export async function open({ lang, files, threads, tell, progress, size, expect }) {
  const words = WORDS[lang]
  const search = new Search(JSON.parse(await files.text("browser/index.json")))
  const talking = Object.keys(files.entries).filter(name => /\.gguf$|wllama/.test(name))
  let near = null // {search, encoder}, once it has come
  let model = null
  let closed = false

  // What a question finds: by words, or by meaning once that was asked for.
  async function find(question, byMeaning, signal) {
    if (!byMeaning && !near) return search.find(question)
    if (!near) {
      tell(words.encoder)
      expect(FILES)
      const own = files.until(signal)
      const told = JSON.parse(await own.text("dense/e5.json"))
      const vectors = await own.buffer("dense/vectors.bin")
      const encoder = await Encoder.load(own, told)
      near = { search: new DenseSearch(search.index, vectors, told), encoder }
      if (closed) encoder.close() // left while it started
      signal.throwIfAborted()
    }
    tell(words.encoding)
    return near.search.findNear(question, await near.encoder.encode(question))
  }

  const quote = (pieces, note, started) => ({
    note, text: pieces.map(([, text], at) => `${text} [${at + 1}]`).join("\n"),
    sources: pieces.map(([at, text]) => {
      const { document, place } = search.index.passages[at]
      return { document, place: place[lang], quote: text }
    }),
    facts: [[words.time, duration(performance.now() - started)]],
  })

  // Whether a sentence holds no word and no number that the facts and the question lack.
  function supported(sentence, known) {
    const [numbers, terms] = [new Set(known.match(NUMBER)), new Set(search.words(known))]
    const said = search.words(sentence)
    return said.length > 0 && said.every(one => terms.has(one)) && (sentence.match(NUMBER) || []).every(one => numbers.has(one))
  }

  async function generated(question, pieces, signal, show, started) {
    const quoted = quote(pieces, words.quoted, started)
    if (languageOf(question + pieces.map(([, text]) => text).join("")) === "zh") return { ...quoted, note: words.english }
    show(quoted) // something to read while the model comes
    const { Llama, TooLong } = await import("../../quantized/browser/llama.js")
    if (!model) {
      tell(words.loading)
      expect(talking)
      model = await Llama.load(files.until(signal), Math.min(4, threads), () => tell(words.starting))
      if (closed) model.close() // left while it started
      signal.throwIfAborted()
    }
    const facts = pieces.map(([, text]) => `- ${text.replace(/<\|[^|>]*\|>/g, " ")}`).join("\n")
    const messages = [{ role: "system", content: SYSTEM }, { role: "user", content: `Facts:\n${facts}\n\nQuestion: ${question.replace(/<\|[^|>]*\|>/g, " ")}` }]
    const enough = new AbortController() // one sentence is asked for
    signal.addEventListener("abort", () => enough.abort())
    tell(words.reading)
    const { text } = await model.answer(messages, {
      most: MOST, signal: enough.signal, reading: progress,
      heard(said, tokens) {
        if (tokens === 1) tell(words.writing)
        if (SENTENCE.test(said)) enough.abort()
      },
    }).catch(error => {
      if (error instanceof TooLong) return {}
      throw error
    })
    signal.throwIfAborted()
    if (text === undefined) return quoted // the model cannot read as much
    const [first] = text.trim().split(/(?<=[.!?])\s/)
    if (!supported(first, `${facts} ${question}`)) return quote(pieces, words.unsafe, started)
    return { ...quote(pieces, words.said, started), text: `${first} ${pieces.map((_, at) => `[${at + 1}]`).join(" ")}` }
  }

  return {
    input: { label: words.input, rows: 2 },
    actions: [
      { key: "quote", label: words.find }, { key: "meaning", label: words.meaning.replace("{}", size(FILES)) },
      { key: "generate", label: words.generate.replace("{}", size(talking)) },
    ],
    async answer(question, { action, signal, show }) {
      const started = performance.now()
      const { answerable, pieces } = action === "quote" ? search.find(question) : await find(question, action === "meaning", signal)
      if (!answerable || !pieces.length) return { text: words.refused }
      return action === "generate" ? generated(question, pieces, signal, show, started) : quote(pieces, words.quoted, started)
    },
    close() {
      closed = true
      near?.encoder.close()
      model?.close()
    },
  }
}
