// Search and quoting in the reader's browser: projects/rag/browser_index.py step by step, over the index that it made.
const HITS = 5
const MOST = 2
const GAIN = 0.25
const WORD = /[a-z0-9]+(?:[-'][a-z0-9]+)*|[\u3400-\u9fff]+/g
const CHINESE = /[\u3400-\u9fff]/

const round = value => Math.round(value * 1e9) / 1e9

export const languageOf = text => (CHINESE.test(text) ? "zh" : "en")

// The commonest English endings cut, so that `returns` and `returned` meet `return`.
export function stem(word) {
  if (!/^[a-z]+$/.test(word) || word.length < 4) return word
  for (const ending of ["ing", "ed", "es", "s"]) {
    if (word.endsWith(ending) && !word.endsWith("ss") && word.length - ending.length >= 3) {
      word = word.slice(0, -ending.length)
      break
    }
  }
  return word.endsWith("e") && word.length > 3 ? word.slice(0, -1) : word
}

export class Search {
  constructor(index) {
    this.index = index
    this.stop = new Set(index.stop)
    this.stopZh = new Set(index.stop_zh)
    this.terms = new Map(Object.entries(index.terms))
    this.average = index.lengths.reduce((sum, one) => sum + one, 0) / Math.max(1, index.lengths.length)
  }

  // English stems without stop words, pairs of neighbouring Chinese characters.
  words(text) {
    const found = []
    for (const word of text.normalize("NFKC").toLowerCase().replace(/['’]s\b/g, "").match(WORD) || []) {
      if (CHINESE.test(word)) {
        const runs = Array.from(word, one => (this.stopZh.has(one) ? " " : one)).join("").split(" ").filter(Boolean)
        for (const run of runs) {
          if (run.length === 1) found.push(run)
          for (let at = 0; at < run.length - 1; at++) found.push(run.slice(at, at + 2))
        }
      } else if (!this.stop.has(word)) found.push(stem(word))
    }
    return found
  }

  weight(word) {
    const n = (this.terms.get(word)?.length || 0) / 2
    return Math.log(1 + (this.index.lengths.length - n + 0.5) / (n + 0.5))
  }

  // BM25 of every passage.
  lexical(asked) {
    const { k1, b, lengths } = this.index
    const scores = new Float64Array(lengths.length)
    for (const word of asked) {
      const weight = this.weight(word)
      const posting = this.terms.get(word) || []
      for (let i = 0; i < posting.length; i += 2) {
        const [at, count] = [posting[i], posting[i + 1]]
        scores[at] += (weight * count * (k1 + 1)) / (count + k1 * (1 - b + (b * lengths[at]) / this.average))
      }
    }
    return scores
  }

  // Places of the best passages, whether they may be answered from, and [passage, text] of the answer.
  find(question) {
    const { lengths, passages, least } = this.index
    const asked = [...new Set(this.words(question))]
    const lang = languageOf(question)
    const scores = this.lexical(asked)
    const held = new Float64Array(lengths.length)
    for (const word of asked) {
      const posting = this.terms.get(word) || []
      for (let i = 0; i < posting.length; i += 2) held[posting[i]] += this.weight(word)
    }
    const other = at => Number(passages[at].lang !== lang)
    const order = Array.from(scores.keys()).sort((a, c) => other(a) - other(c) || round(scores[c]) - round(scores[a]) || a - c)
    const hits = order.slice(0, HITS).filter(at => scores[at] > 0)
    const whole = asked.reduce((sum, word) => sum + this.weight(word), 0) || 1
    const answerable = hits.some(at => held[at] >= least)
    return { hits, answerable, pieces: answerable ? this.pieces(asked, hits, whole) : [] }
  }

  pieces(asked, hits, whole) {
    const known = new Set(asked)
    const shared = text => new Set(this.words(text).filter(word => known.has(word)))
    let left = hits.flatMap((at, rank) =>
      this.texts(known, at).map(text => ({ at, rank, text, own: shared(text), around: shared(this.index.passages[at].head) })))
    const covered = new Set()
    const gain = one => this.gain(asked, covered, one) / whole
    const chosen = []
    while (left.length && chosen.length < MOST) {
      const gains = left.map(one => round(gain(one) - 0.1 * one.rank))
      const best = left[gains.indexOf(Math.max(...gains))]
      if (chosen.length && gain(best) < GAIN) break
      chosen.push([best.at, best.text])
      for (const word of [...best.own, ...best.around]) covered.add(word)
      left = left.filter(one => one.at !== best.at)
    }
    return chosen
  }

  // What a piece says of the question counts in full, what only its headings say by half.
  gain(asked, covered, { own, around }) {
    return asked.reduce((sum, word) =>
      covered.has(word) || !(own.has(word) || around.has(word)) ? sum : sum + this.weight(word) * (own.has(word) ? 1 : 0.5), 0)
  }

  // A row gives its name and the cells whose columns are asked for, else all of it.
  texts(known, at) {
    const { row, lines } = this.index.passages[at]
    if (!row) return lines
    if (!lines.length) return []
    const wanted = lines.slice(1).filter(cell => this.words(cell.split(": ")[0]).some(word => known.has(word)))
    return [(wanted.length ? [lines[0], ...wanted] : lines).join(" | ")]
  }
}
