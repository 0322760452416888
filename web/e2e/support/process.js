import { spawn } from 'node:child_process'

/** Starts the command and kills it when standard input closes, which happens whenever this process ends. */
const TIED = 'exec 3<&0; { cat <&3; kill -KILL $$; } >/dev/null 2>&1 & exec "$@" 3<&- </dev/null'

/** A child process that never outlives its test. */
export function startProcess(command, words, env = process.env) {
  return spawn('sh', ['-c', TIED, 'sh', command, ...words], { env, stdio: ['pipe', 'pipe', 'pipe'] })
}
