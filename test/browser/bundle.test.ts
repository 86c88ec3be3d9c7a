import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { bundle } from '../harness/browser/bundle.js'

/** What a tab fetches for the whole door, Yjs with it, minified and by gzip: 280 kB as measured. */
const BUDGET_BYTES = 285_000

/** What WebRTC adds to it: 2 kB as measured. */
const WEBRTC_BUDGET_BYTES = 4_000

const whole = bundle(`export * from '@collab/core/browser'`)
const sizeOf = (code: string): number => gzipSync(code).length

describe('core in a bundle for browsers', () => {
  it('[WEB1] has nothing of Node in it, and needs no stand-in for it', async () => {
    const { modules, imports, complaints } = await whole
    expect(modules.some((id) => id.endsWith('core/dist/browser/index.js'))).toBe(true)
    expect(modules.length).toBeGreaterThan(500)
    expect(modules.filter((id) => /^node:|polyfill|browserify|core\/dist\/(?:node\/node-|net\/(?:node-|discovery)|store\/sqlite-)/.test(id))).toEqual([])
    expect(modules.filter((id) => !id.startsWith('/') && !id.includes('rolldown/runtime'))).toEqual([])
    expect([imports, complaints]).toEqual([[], []])
  })

  it('[WEB1] a module of Node would be seen', async () => {
    const { imports, complaints } = await bundle(`export { readFileSync } from 'node:fs'`)
    expect([...imports, ...complaints].join()).toContain('node:fs')
  })

  it('[WEB2] is no larger than its budget', async () => {
    expect(sizeOf((await whole).code)).toBeLessThan(BUDGET_BYTES)
  })

  it('[WEB3] brings only what is used', async () => {
    const { code, kept } = await bundle(`export { parseLink } from '@collab/core/browser'`)
    expect([...kept.keys()].filter((id) => /libp2p|yjs|indexeddb/.test(id))).toEqual([])
    expect(sizeOf(code)).toBeLessThan(BUDGET_BYTES / 10)
  })

  it('[WEB5] has nothing of WebRTC in it, which a door of its own adds for little', async () => {
    const both = await bundle(`export * from '@collab/core/browser'; export * from '@collab/core/browser/webrtc'`)
    expect((await whole).code).not.toContain('RTCPeerConnection')
    expect(both.code).toContain('RTCPeerConnection')
    expect([both.imports, both.complaints]).toEqual([[], []])
    expect(sizeOf(both.code) - sizeOf((await whole).code)).toBeLessThan(WEBRTC_BUDGET_BYTES)
  })

  it('[WEB4] is what a bundler for browsers takes for the plain name too', async () => {
    const { modules } = await bundle(`export { joinWorkspace } from '@collab/core'`)
    const doors = modules.filter((id) => /core\/dist\/(?:browser\/)?index\.js$/.test(id))
    expect(doors.map((id) => id.replace(/.*core\//, ''))).toEqual(['dist/browser/index.js'])
  })
})
