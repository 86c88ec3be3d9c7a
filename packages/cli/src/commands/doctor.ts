import { EXIT } from '../exit-code.js'
import type { ExitCode } from '../exit-code.js'
import type { Request } from '../args.js'
import { examine } from '../doctor/examine.js'
import type { Finding } from '../doctor/finding.js'
import { findStore } from '../find-store.js'
import { paintFor, table } from '../format.js'
import type { Paint } from '../format.js'
import { show } from '../show.js'
import type { System } from '../system.js'

/** Looks at everything that a joined folder needs, and says what is wrong with it and what to do. */
export async function doctor(request: Extract<Request, { command: 'doctor' }>, system: System): Promise<ExitCode> {
  const { record } = findStore(request.folder, system)
  const { io } = system
  const findings = await examine(record, system)
  if (request.json) for (const finding of findings) io.line(JSON.stringify(finding))
  else for (const line of table(findings.map((finding) => rowOf(finding, paintFor(io.color))))) io.line(line)
  return findings.some(({ state }) => state === 'fail') ? EXIT.failure : EXIT.ok
}

function rowOf({ state, check, message, advice }: Finding, paint: Paint): readonly string[] {
  const word = { ok: paint.green('ok'), warn: paint.yellow('warn'), fail: paint.red('FAIL') }[state]
  return [word, check, advice === undefined ? show(message) : `${show(message)}; ${show(advice)}`]
}
