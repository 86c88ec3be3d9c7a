import { encodeLink, joinWorkspace, keysFromWriteKey, nodeCrypto } from '@collab/core'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { TestArea } from '../harness/cli-process.js'
import { eventually } from '../harness/eventually.js'

it('[E2E20] a file is edited at once by an app that has it open live and by an editor on a folder', async () => {
  await using area = await Promise.resolve(new TestArea())
  const link = encodeLink(nodeCrypto, keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32)))
  const path = `${area.folder('notes')}/plan.md`
  writeFileSync(path, 'the plan\n')
  const cli = await area.join(link, 'notes', ['--name', 'Ann'])
  const listening = (await cli.event('listening'))['addresses'] as readonly string[]
  const app = await joinWorkspace(link, { name: 'the app', mdns: false, listen: ['/ip4/127.0.0.1/tcp/0'], peers: listening })
  try {
    await eventually('the app has the file', () => app.tree.at('plan.md') !== undefined)
    const opened = await app.openText('plan.md')
    const text = opened.doc.getText('content')
    expect(text.toJSON()).toBe('the plan\n')
    const typed = Array.from({ length: 40 }, (_, i) => `typed ${i}`)
    const saved = Array.from({ length: 10 }, (_, i) => `saved ${i}`)
    for (const [i, line] of typed.entries()) {
      for (const letter of `${line}\n`) text.insert(text.toJSON().indexOf('the plan'), letter)
      if (i % 4 === 0) appendFileSync(path, `${saved[i / 4] ?? ''}\n`)
      await opened.flush({ to: 'one-peer' })
    }
    const lines = [...typed, 'the plan', ...saved]
    const isWhole = (content: string): boolean => content.split('\n').filter((line) => line !== '').toSorted().join() === lines.toSorted().join()
    await eventually('both have every line once', () => isWhole(readFileSync(path, 'utf8')) && text.toJSON() === readFileSync(path, 'utf8'), {
      otherwise: () => `${readFileSync(path, 'utf8')}\n---\n${text.toJSON()}`
    })
    await eventually('the names of both', () => app.status().peers.some(({ name }) => name === 'Ann'))
    await cli.event('peer', (event) => event['name'] === 'the app')
  } finally {
    await app.stop()
  }
})
