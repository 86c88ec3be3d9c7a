import type { TransferStatus } from '@collab/core'
import { count, duration, fileSize, progressBar } from './format.js'

const BAR_WIDTH = 22

/** What is being fetched, with its rate, the time left and the peers that it comes from; undefined when nothing is. */
export function fetchingText({ active, waiting, receivedPerSecond }: TransferStatus): string | undefined {
  if (active.length + waiting === 0) return undefined
  const done = active.reduce((sum, { doneBytes }) => sum + doneBytes, 0)
  const total = active.reduce((sum, { totalBytes }) => sum + totalBytes, 0)
  const sources = active.reduce((most, transfer) => Math.max(most, transfer.sources), 0)
  const holders = active.reduce((most, transfer) => Math.max(most, transfer.holders), 0)
  const files = count(active.length + waiting, 'file')
  if (holders === 0) return `${files} to fetch, and no connected peer has ${active.length + waiting === 1 ? 'it' : 'them'}`
  const isMoving = receivedPerSecond > 1
  const left = isMoving && waiting === 0 ? `, ${duration((total - done) / receivedPerSecond)} left` : ''
  const rate = isMoving ? `, ${fileSize(Math.round(receivedPerSecond))}/s${left}` : ''
  return `fetching ${files}, ${fileSize(done)} of ${fileSize(total)} from ${count(Math.max(1, sources), 'peer')}${rate}`
}

export function fetchingBar({ active }: TransferStatus): string {
  const done = active.reduce((sum, { doneBytes }) => sum + doneBytes, 0)
  const total = active.reduce((sum, { totalBytes }) => sum + totalBytes, 0)
  return progressBar(done, Math.max(1, total), BAR_WIDTH)
}

/** What others fetch from here; undefined when nothing is. */
export function servingText({ serving, sentPerSecond }: TransferStatus): string | undefined {
  if (serving === 0 || sentPerSecond < 1) return undefined
  return `serving ${count(serving, 'file')}, ${fileSize(Math.round(sentPerSecond))}/s`
}
