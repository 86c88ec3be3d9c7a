import { makeApiDocs } from './make.js'

const folder = process.argv[2] ?? 'docs/api'
const warnings = await makeApiDocs(folder)
for (const warning of warnings) process.stderr.write(`${warning}\n`)
process.stdout.write(`written to ${folder}\n`)
process.exitCode = warnings.length === 0 ? 0 : 1
