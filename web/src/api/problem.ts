import type { components } from './schema'
import type { NewerCode, NewerFacts } from './types'

/** The server's codes, and the page's own for answers that never came or that no one can read. */
export type ProblemCode = components['schemas']['ErrorCode'] | NewerCode | 'no_answer' | 'unknown'

export type Problem = Omit<components['schemas']['Problem'], 'code' | keyof NewerFacts> & NewerFacts & { code: ProblemCode }

/** What stands for an answer that never came. */
export const NO_ANSWER: Problem = {
  type: 'about:blank',
  title: 'No answer',
  status: 0,
  detail: '',
  code: 'no_answer',
  request_id: '',
}

/** The one kind of error that calls throw. Its `code` is what the page decides by. */
export class ApiProblem extends Error {
  constructor(readonly problem: Problem) {
    super(problem.code)
    this.name = 'ApiProblem'
  }

  get code(): ProblemCode {
    return this.problem.code
  }

  /** Whether the server surely decided; otherwise the call may or may not have had its effect. */
  get isDefinite(): boolean {
    return this.problem.status >= 400 && this.problem.status < 500 && this.problem.status !== 429
  }

  /** The reasons by field name, for a form. */
  get fieldErrors(): Record<string, string> {
    return Object.fromEntries((this.problem.errors ?? []).map(({ field, why }) => [field, why]))
  }
}

export function isProblem(error: unknown, ...codes: ProblemCode[]): error is ApiProblem {
  return error instanceof ApiProblem && (codes.length === 0 || codes.includes(error.code))
}
