#!/usr/bin/env node
import process from 'node:process'
import { startLean } from './lean-start.js'

/** The first with everything that is used here, SQLite among it. */
const OLDEST_NODE = 24

if (Number.parseInt(process.versions.node) < OLDEST_NODE) {
  process.stderr.write(`collab: needs Node ${OLDEST_NODE} or newer, this is ${process.versions.node}; update Node, or run it with npx --yes node@${OLDEST_NODE}\n`)
  process.exit(1)
}
startLean(process)
const { main } = await import('./main.js')
await main(process)
