import { setTimeout as pause } from 'node:timers/promises'

const WAIT_MS_MAX = 15_000
const ASK_AGAIN_MS = 20

/** Polls until the answer is truthy, and returns it. */
export async function waitFor(question, what, limitMs = WAIT_MS_MAX) {
  const end = Date.now() + limitMs
  for (;;) {
    const answer = await question()
    if (answer) return answer
    if (Date.now() > end) throw new Error(`waited ${limitMs} ms for ${what}`)
    await pause(ASK_AGAIN_MS)
  }
}
