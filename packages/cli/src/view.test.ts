import { describe, expect, it } from 'vitest'
import { widthOf } from './format.js'
import { EMPTY_VIEW, nextView, render } from './view.js'
import type { Snapshot, View } from './view.js'

type Status = Snapshot['workspace']
type Peer = Status['peers'][number]

const peer = (n: number, synced = true): Peer => ({
  peer: `12D3KooW${'x'.repeat(36)}${String(n).padStart(8, '0')}`,
  name: n === 0 ? 'An\u001b[2Jn' : undefined,
  address: `/ip4/192.0.2.${n}/tcp/4001/p2p/12D3KooWx`,
  direction: 'inbound',
  synced
})

function snapshot(peers: readonly Peer[], guard?: string): Snapshot {
  const workspace = { rights: 'write', peers, listening: ['/ip4/127.0.0.1/tcp/1/p2p/A', '/ip4/192.0.2.9/tcp/1/p2p/A'], files: 1204, entries: 9 }
  return { workspace: workspace as unknown as Status, folder: { files: 1204, skipped: [], dirty: 0, fetching: 0, ...(guard !== undefined && { guard }) } }
}

function lines(shown: Snapshot | undefined, view: View = EMPTY_VIEW, columns = 80): readonly string[] {
  return render({ heading: { topic: 'notes', rights: 'write', folder: '/home/ann/notes' }, snapshot: shown, view, now: 20_000, columns, color: false })
}

describe('the live display', () => {
  it('[CLI90] invites another machine, with an address that it can dial, while nobody is connected', () => {
    const text = lines(snapshot([])).join('\n')
    expect(text).toContain('no peer connected')
    expect(text).toContain('--peer /ip4/192.0.2.9/tcp/1/p2p/A')
  })

  it('[CLI91] shows state, files, peers with escaped names, and what waits', () => {
    const text = lines(snapshot([peer(0), peer(1)], '30 files would be deleted')).join('\n')
    expect(text).toContain('waits for your answer')
    expect(text).not.toContain('in sync')
    expect(text).toContain('1,204 files')
    expect(text).toContain('An\\u{1b}[2Jn')
    expect(text).toContain('! 30 files would be deleted')
    expect(lines(snapshot([peer(0), peer(1)])).join('\n')).toContain('in sync with 2 peers')
    expect(lines(snapshot([peer(0), peer(1, false)])).join('\n')).toContain('syncing with 2 peers')
  })

  it('[CLI92] shows the rate and the time left of long work, and nothing when it is done', () => {
    const started = nextView(EMPTY_VIEW, { type: 'progress', what: 'placing', done: 0, total: 10_000 }, 10_000)
    const later = nextView(started, { type: 'progress', what: 'placing', done: 5_000, total: 10_000 }, 20_000)
    expect(lines(snapshot([peer(1)]), later).join('\n')).toMatch(/█░.* placing 5,000 of 10,000, 500\/s, 10 s left/)
    const done = nextView(later, { type: 'progress', what: 'placing', done: 10_000, total: 10_000 }, 30_000)
    expect(lines(snapshot([peer(1)]), done).join('\n')).not.toContain('placing')
  })

  it('[CLI93] keeps the last changes only', () => {
    let view = EMPTY_VIEW
    for (let n = 0; n < 50; n++) view = nextView(view, { type: 'change', path: `n${n}.md`, what: 'edited', from: 'peer', by: 'bob' }, n)
    const text = lines(snapshot([peer(1)]), view).join('\n')
    expect(text).toContain('↓ edited n49.md by bob')
    expect(text).not.toContain('n30.md')
  })

  it('[CLI94] no line is wider than the terminal, however narrow', () => {
    const many = Array.from({ length: 12 }, (_, n) => peer(n, n % 2 === 0))
    const view = nextView(EMPTY_VIEW, { type: 'change', path: '日本語/'.repeat(40), what: 'created', from: 'disk' }, 1)
    for (const columns of [24, 40, 80, 200]) {
      for (const shown of [undefined, snapshot([]), snapshot(many, 'x'.repeat(300))]) {
        for (const line of lines(shown, view, columns)) expect(widthOf(line)).toBeLessThan(columns)
      }
    }
  })
})
