import { encodeLink, nodeCrypto, shareAs } from '@collab/core'
import type { Request } from '../args.js'
import type { ExitCode } from '../exit-code.js'
import { newStoreId } from '../home.js'
import { checkAddresses } from '../network-options.js'
import { runSession } from '../run-session.js'
import type { StoreRecord } from '../store-record.js'
import type { System } from '../system.js'
import { resolveTopic } from '../topic.js'
import { readSecret, topicTitle } from './join.js'

/** Stores and serves a workspace without a folder; more than a blind link's keys are not kept. */
export async function hold(request: Extract<Request, { command: 'hold' }>, system: System): Promise<ExitCode> {
  checkAddresses(request)
  const text = request.link === '-' ? await readSecret(system) : request.link
  const topic = await resolveTopic(text, system.home.records())
  const keys = shareAs(topic.keys, 'blind')
  system.home.prepare()
  const storeId = system.home.locked(() => {
    const known = system.home.records().find(({ held, workspace }) => held === true && workspace === keys.id)
    const record: StoreRecord = {
      version: 1,
      id: known?.id ?? newStoreId(),
      workspace: keys.id,
      link: encodeLink(nodeCrypto, keys),
      held: true
    }
    system.home.write(record)
    return record.id
  })
  const title = topicTitle({ ...topic, keys })
  return await runSession({ system, options: request, storeId, keys, topic: title, addresses: topic.addresses, notices: [] })
}
