import type { components } from './schema'
import type { NewerCode, NewerFacts } from './types'

/** The server's error codes, and two of the page: `no_answer` (no response) and `unknown` (a response without a code). */
export type ProblemCode = components['schemas']['ErrorCode'] | NewerCode | 'no_answer' | 'unknown'

export type Problem = Omit<components['schemas']['Problem'], 'code' | keyof NewerFacts> & NewerFacts & { code: ProblemCode }

/** The problem document that the page uses when there was no response (network error or timeout). */
export const NO_ANSWER: Problem = {
  type: 'about:blank',
  title: 'No answer',
  status: 0,
  detail: '',
  code: 'no_answer',
  request_id: '',
}

/** The only error type that API calls throw. The page branches on its `code`. */
export class ApiProblem extends Error {
  constructor(readonly problem: Problem) {
    super(problem.code)
    this.name = 'ApiProblem'
  }

  get code(): ProblemCode {
    return this.problem.code
  }

  /** True when the server has certainly refused the call; false when the call may have taken effect. */
  get isDefinite(): boolean {
    return this.problem.status >= 400 && this.problem.status < 500 && this.problem.status !== 429
  }
}

export function isProblem(error: unknown, ...codes: ProblemCode[]): error is ApiProblem {
  return error instanceof ApiProblem && (codes.length === 0 || codes.includes(error.code))
}
