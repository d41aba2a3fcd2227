// The quantised model as a chat in the reader's browser; a question at a time, the answer as it comes.
import { Llama, TooLong } from "./llama.js"

const MOST = 128 // tokens of an answer
const WORDS = {
  zh: { input: "对模型说（英文效果最好）", run: "发送", first: "首个词元", speed: "速度", tokens: "词元", threads: "线程", long: "太长了：请缩短输入。", per: "词元/秒" },
  en: { input: "Say something to the model", run: "Send", first: "first token", speed: "speed", tokens: "tokens", threads: "threads", long: "Too long: please shorten it.", per: "tokens/s" },
}

export async function open({ lang, files, signal, threads, progress }) {
  const words = WORDS[lang]
  const several = Math.min(4, threads)
  const model = await Llama.load(files, several).catch(error => {
    if (several < 2 || signal.aborted) throw error
    return Llama.load(files, 1) // some phones give a page no memory that threads can share
  })
  await model.warm()
  return {
    input: { label: words.input, rows: 3 },
    run: words.run,
    async answer(text, { signal, show }) {
      const { text: said, tokens, first, speed } = await model.answer([{ role: "user", content: text }], {
        most: MOST, signal, reading: progress, heard: so_far => show({ text: so_far }),
      }).catch(error => { throw error instanceof TooLong ? Object.assign(new Error(words.long), { told: true }) : error })
      return {
        text: said,
        facts: [
          [words.first, `${first.toFixed(1)} s`], ...(speed ? [[words.speed, `${speed.toFixed(1)} ${words.per}`]] : []),
          [words.tokens, `${tokens}`], [words.threads, `${model.threads}`],
        ],
      }
    },
    close: () => model.close(),
  }
}
