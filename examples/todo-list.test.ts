import { expect, it } from 'vitest'
import { main } from './todo-list.js'

it('[EX2] the example of a todo list ends with what both added, and what one ticked', async () => {
  const list = await main(() => undefined)
  expect(list).toHaveLength(2)
  expect(list).toContainEqual({ text: 'milk', done: true })
  expect(list).toContainEqual({ text: 'bread', done: false })
})
