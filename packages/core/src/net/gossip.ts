import { TopicValidatorResult, gossipsub } from '@libp2p/gossipsub'
import type { GossipSub, GossipSubComponents, Message } from '@libp2p/gossipsub'
import { errorMessage } from '../base/errors.js'
import { MAX_GOSSIP_BYTES } from '../base/limits.js'
import type { Logger } from '../base/log.js'
import type { GossipGate } from './gossip-gate.js'
import type { GossipVerdict, TransportHandlers } from './transport.js'

const VERDICTS: Record<GossipVerdict, TopicValidatorResult> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject
}

/**
 * Gossipsub for one topic among peers that `gate` lets in. Messages are unsigned, because entries carry their own
 * signature; peers are not scored by address, because a household or an office is one address.
 */
export function gatedGossipsub(topic: string, gate: GossipGate): (components: GossipSubComponents) => GossipSub {
  const create = gossipsub({
    globalSignaturePolicy: 'StrictNoSign',
    D: 8,
    Dlo: 6,
    Dhi: 16,
    floodPublish: true,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    fallbackToFloodsub: false,
    emitSelf: false,
    doPX: false,
    allowedTopics: [topic],
    maxInboundStreams: 8,
    scoreParams: { IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0 }
  })
  return ({ privateKey, peerId, peerStore, registrar, connectionManager, logger }) =>
    create({ privateKey, peerId, peerStore, registrar: gate.wrap(registrar), connectionManager, logger })
}

export interface GossipInit {
  readonly pubsub: GossipSub
  readonly topic: string
  readonly handlers: Pick<TransportHandlers, 'gossip'>
  readonly logger: Logger
}

/** The workspace's gossip topic: a fast path that may lose, repeat and reorder. */
export class Gossip {
  readonly #init: GossipInit

  constructor(init: GossipInit) {
    this.#init = init
  }

  start(): void {
    const { pubsub, topic } = this.#init
    pubsub.topicValidators.set(topic, (peer, message) => this.#validate(peer.toString(), message))
    pubsub.subscribe(topic)
  }

  /** @throws {RangeError} for a message that everyone else would refuse. */
  async publish(data: Uint8Array): Promise<void> {
    if (data.length > MAX_GOSSIP_BYTES) throw new RangeError(`a gossip message of ${data.length} bytes`)
    try {
      await this.#init.pubsub.publish(this.#init.topic, data)
    } catch (error) {
      this.#init.logger.debug('a gossip message was not sent', { error: errorMessage(error) })
    }
  }

  async #validate(peer: string, message: Message): Promise<TopicValidatorResult> {
    if (message.data.length > MAX_GOSSIP_BYTES) return TopicValidatorResult.Reject
    try {
      // A copy of its own: on Node this may be a view of a pool, whose `slice` does not copy.
      return VERDICTS[await this.#init.handlers.gossip(peer, new Uint8Array(message.data))]
    } catch (error) {
      this.#init.logger.warn('a gossip message could not be handled', { error: errorMessage(error) })
      return TopicValidatorResult.Ignore
    }
  }
}
