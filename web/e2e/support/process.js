import { spawn } from 'node:child_process'

/** A shell script that runs the command and kills it when standard input closes, which happens when the test process ends. */
const TIED = 'exec 3<&0; { cat <&3; kill -KILL $$; } >/dev/null 2>&1 & exec "$@" 3<&- </dev/null'

/** Starts a child process that is killed at the latest when the test process ends. */
export function startProcess(command, words, env = process.env) {
  return spawn('sh', ['-c', TIED, 'sh', command, ...words], { env, stdio: ['pipe', 'pipe', 'pipe'] })
}
