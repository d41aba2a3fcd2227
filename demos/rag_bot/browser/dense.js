// Search by meaning in the reader's browser: projects/rag/dense.py step by step.
import { languageOf, Search } from "./search.js"

const HITS = 5
const MOST = 2
const AHEAD = [5, 10] // the places with which the nearest passage is compared

const fine = value => Math.round(value * 1e6) / 1e6

export class DenseSearch extends Search {
  // `bytes`: rows in 8 bits, then a float32 scale for each; `told`: the parsed e5.json
  constructor(index, bytes, told) {
    super(index)
    this.told = told
    this.rows = bytes.byteLength / (told.width + 4)
    this.vectors = new Int8Array(bytes, 0, this.rows * told.width)
    this.scales = new Float32Array(bytes.slice(this.rows * told.width))
  }

  // Closeness of every row to a question's vector.
  near(vector) {
    const { width } = this.told
    return Float64Array.from({ length: this.rows }, (_, row) => {
      let sum = 0
      for (let at = 0; at < width; at++) sum += this.vectors[row * width + at] * vector[at]
      return sum * this.scales[row]
    })
  }

  findNear(question, vector) {
    const { passages } = this.index
    const asked = [...new Set(this.words(question))]
    const lang = languageOf(question)
    const near = this.near(vector)
    const lexical = this.lexical(asked)
    const rows = passages.flatMap((one, at) => (one.lang === lang ? [at] : []))
    const most = Math.max(1e-6, ...rows.map(at => lexical[at]))
    const score = at => near[at] + (this.told.words * lexical[at]) / most
    const hits = [...rows].sort((a, b) => score(b) - score(a) || a - b).slice(0, HITS)
    const close = rows.map(at => near[at]).sort((a, b) => b - a)
    const others = close.slice(...AHEAD)
    const ahead = others.length ? close[0] - others.reduce((sum, one) => sum + one, 0) / others.length : 0
    const answerable = hits.length > 0 && close[0] + this.told.ahead * ahead >= this.told.least
    return { hits, answerable, pieces: answerable ? this.quote(asked, hits, near) : [] }
  }

  // As when searching by words, but what is near in meaning counts too; further pieces must add words.
  quote(asked, hits, near) {
    const whole = asked.reduce((sum, word) => sum + this.weight(word), 0) || 1
    const known = new Set(asked)
    const shared = text => new Set(this.words(text).filter(word => known.has(word)))
    let left = hits.flatMap((at, rank) => this.texts(known, at).map((text, number) => {
      const own = this.told.lines[at]
      return { at, rank, text, own: shared(text), around: shared(this.index.passages[at].head), near: near[own ? own[number] : at] }
    }))
    const nearest = Math.max(...left.map(one => one.near))
    const covered = new Set()
    const chosen = []
    while (left.length && chosen.length < MOST) {
      const order = left.map(one => fine(this.gain(asked, covered, one) / whole - this.told.rank * one.rank + this.told.meaning * (one.near - nearest)))
      const best = left[order.indexOf(Math.max(...order))]
      if (chosen.length && this.gain(asked, covered, best) / whole < this.told.gain) break
      chosen.push([best.at, best.text])
      for (const word of [...best.own, ...best.around]) covered.add(word)
      left = left.filter(one => one.at !== best.at)
    }
    return chosen
  }
}
