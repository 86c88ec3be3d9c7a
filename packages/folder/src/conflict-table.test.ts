import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { eventually, pause } from './testing/disk-harness.js'
import { ACTIONS, BEGINNING, linesWritten, outcomeOf } from './testing/pairs.js'
import type { Side } from './testing/pairs.js'
import { Wire, testPeer } from './testing/workspace-harness.js'
import type { TestPeer } from './testing/workspace-harness.js'

interface Row {
  readonly one: string
  readonly two: string
  readonly outcomes: readonly string[]
}

/** The rows of the table under "Conflicts". */
const ROWS: readonly Row[] = (readFileSync(new URL('../../../docs/SPEC.md', import.meta.url), 'utf8').split('## Conflicts')[1] ?? '')
  .split('\n## ')[0]
  ?.split('\n')
  .flatMap((line) => {
    const [, one = '', two = '', outcome = ''] = line.split('|').map((cell) => cell.trim())
    return ACTIONS[one] === undefined ? [] : [{ one, two, outcomes: outcome.split(' **or** ') }]
  }) ?? []

/** Each row has a directory of its own, with texts that no other has. */
const place = (at: number): string => `case-${at}`
const mark = (at: number): string => ` #${at}`

function beginnings(): Readonly<Record<string, string>> {
  const files: Record<string, string> = {}
  for (const at of ROWS.keys()) {
    for (const [name, text] of Object.entries(BEGINNING)) files[`${place(at)}/${name}`] = text.replaceAll('\n', `${mark(at)}\n`)
  }
  return files
}

function act(row: number, action: string, peer: TestPeer, side: Side): void {
  ACTIONS[action]?.((name) => peer.folder.at(`${place(row)}/${name}`), side)
}

const DEADLINE_MS = 40_000

/** So many deletions at once need a word; then until both are at rest and equal. */
async function settle(...peers: readonly TestPeer[]): Promise<void> {
  const state = (peer: TestPeer): string => JSON.stringify([peer.workspace.status().entries, ...peer.names()])
  const isQuiet = (): boolean => new Set(peers.map(state)).size === 1 && peers.every((peer) => peer.sync.status().dirty === 0)
  const deadline = performance.now() + DEADLINE_MS
  for (let quiet = 0; quiet < 10; quiet = isQuiet() ? quiet + 1 : 0) {
    for (const peer of peers) if (peer.sync.status().guard !== undefined) await peer.sync.confirm()
    if (performance.now() > deadline) throw new Error(`they do not come to rest: ${differences(peers)}`)
    await pause(50)
  }
}

function differences(peers: readonly TestPeer[]): string {
  const names = peers.map((peer) => new Set(peer.names()))
  const odd = names.map((here) => [...here].filter((name) => names.some((there) => !there.has(name))))
  return JSON.stringify({ odd, status: peers.map((peer) => [peer.workspace.status().entries, peer.sync.status()]) })
}

async function takeIn(peer: TestPeer): Promise<void> {
  await peer.sync.rescan()
  await eventually('everything is taken in', () => {
    if (peer.sync.status().guard !== undefined) void peer.sync.confirm()
    return peer.sync.status().guard === undefined && peer.sync.status().dirty === 0
  })
}

/** Lets two act on each row, and gives the outcomes of both. */
async function play({ apart, swapped }: { apart: boolean; swapped: boolean }): Promise<readonly (readonly [string, string])[]> {
  const wire = new Wire()
  await using a = await testPeer({ wire, files: beginnings() })
  await using b = await testPeer({ wire })
  await settle(a, b)
  if (apart) wire.cut()
  const [first, second] = swapped ? [b, a] : [a, b]
  for (const [at, { one, two }] of ROWS.entries()) {
    act(at, one, first, 'one')
    act(at, two, second, 'two')
  }
  if (apart) {
    await Promise.all([a, b].map(takeIn))
    wire.join()
  }
  await settle(a, b)
  const outcome = (peer: TestPeer, at: number): string => outcomeOf(peer.folder.at(place(at)), mark(at))
  return Array.from(ROWS.keys(), (at) => [outcome(a, at), outcome(b, at)] as const)
}

describe('the conflict table', () => {
  it.each([false, true])('[CONF1] says what two who were apart come to, whoever does which (swapped: %s)', async (swapped) => {
    expect(ROWS.length).toBeGreaterThan(70)
    const found = await play({ apart: true, swapped })
    const wrong = ROWS.flatMap(({ one, two, outcomes }, at) => {
      const [onA = '', onB = ''] = found[at] ?? []
      return onA === onB && outcomes.includes(onA) ? [] : [`| ${one} | ${two} | ${onA}${onA === onB ? '' : ` BUT ${onB}`} |`]
    })
    expect(wrong).toEqual([])
  })

  it('[CONF2] two who act at the same moment while connected end with the same files too, and nothing that they wrote is lost', async () => {
    const found = await play({ apart: false, swapped: false })
    for (const [at, { one, two }] of ROWS.entries()) {
      const [onA = '', onB = ''] = found[at] ?? []
      expect(onA, `${one} and ${two}`).toBe(onB)
      for (const line of [...linesWritten(one, 'one'), ...linesWritten(two, 'two')]) expect(onA, `${one} and ${two}`).toContain(line)
    }
  })
})
