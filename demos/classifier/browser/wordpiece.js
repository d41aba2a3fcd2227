// Text as the classifier's tokenizer reads it: the steps of projects/sentiment/text.py and of the
// tokenizer.json that ships with the weights (BERT's normaliser, pre-tokeniser and WordPiece).
// tests/test_wordpiece.py compares the ids with Python's.
const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000" // what Python calls \s
const SPACES = new RegExp(`[${SPACE}]+`, "g")
const BREAK = new RegExp(`<br[${SPACE}]*/?>`, "gi")
const HAN = /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu
const PIECES = /[!-/:-@[-`{-~\p{P}]|[^ !-/:-@[-`{-~\p{P}]+/gu
const LONGEST_WORD = 100

export const clean = text => text.replace(BREAK, " ").replace(SPACES, " ").trim()

export class WordPiece {
  // `definition`: the parsed tokenizer.json
  constructor(definition) {
    const model = definition.model
    this.vocabulary = new Map(Object.entries(model.vocab))
    this.prefix = model.continuing_subword_prefix
    this.unknown = this.vocabulary.get(model.unk_token)
    this.cls = this.vocabulary.get("[CLS]")
    this.sep = this.vocabulary.get("[SEP]")
    const special = definition.added_tokens.map(one => one.content.replace(/[[\]]/g, "\\$&"))
    this.special = new RegExp(`(${special.join("|")})`)
  }

  // Token ids without [CLS] and [SEP].
  ids(text) {
    const found = []
    text.split(this.special).forEach((part, at) => {
      if (at % 2) found.push(this.vocabulary.get(part))
      else for (const word of normalise(part).match(PIECES) || []) this.cut(word, found)
    })
    return found
  }

  // [CLS] … [SEP], at most `most` ids: a third from the start, the rest from the end.
  frame(text, most) {
    let ids = this.ids(clean(text))
    const room = most - 2
    if (ids.length > room) {
      const first = Math.floor(room / 3)
      ids = [...ids.slice(0, first), ...ids.slice(ids.length - (room - first))]
    }
    return [this.cls, ...ids, this.sep]
  }

  // Longest known piece first; a word with no way through is unknown as a whole.
  cut(word, found) {
    const letters = [...word]
    const pieces = []
    let start = letters.length > LONGEST_WORD ? -1 : 0
    while (start >= 0 && start < letters.length) {
      let end = letters.length
      let id
      for (; end > start; end--) {
        id = this.vocabulary.get((start ? this.prefix : "") + letters.slice(start, end).join(""))
        if (id !== undefined) break
      }
      if (id === undefined) start = -1
      else {
        pieces.push(id)
        start = end
      }
    }
    found.push(...(start < 0 ? [this.unknown] : pieces))
  }
}

function normalise(text) {
  const plain = text.replace(/[\0\ufffd]|(?![\t\n\r])\p{C}/gu, "").replace(SPACES, " ")
  const bare = plain.replace(HAN, " $& ").normalize("NFD").replace(/\p{Mn}/gu, "")
  return Array.from(bare, letter => letter.toLowerCase()).join("") // letter by letter: no final sigma
}
