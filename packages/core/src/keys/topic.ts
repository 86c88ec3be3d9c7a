import { utf8 } from '../base/bytes.js'
import type { Crypto } from '../base/crypto.js'
import { InvalidTopicError } from '../base/errors.js'
import { isBeheadedLink, LINK_PREFIX, MAX_LINK_CHARS, parseLink, type Link } from './link.js'
import { keysFromWriteKey, type WriteKeys } from './workspace-keys.js'

/** What a user typed or pasted to say which workspace. */
export type Topic = ({ readonly kind: 'link' } & Link) | { readonly kind: 'name'; readonly name: string }

/** A name, in UTF-16 units: what anyone types, and little work to normalise. */
export const MAX_NAME_CHARS = 256

/** 2^17: a guess costs 128 MiB and about half a second; joining by name pays it once. */
const SCRYPT_COST_LOG2 = 17

/** This version's links, however short or broken, and what must be a later version's. */
const LOOKS_LIKE_LINK = /^[^\p{L}\p{N}]*collab(1|[02-9][a-z][a-z2-7]{40})/u

const ADVICE = 'choose a name such as "my notes", or make a link with collab new'

/**
 * Tells a link from a plain name. What starts like a link and isn't a whole one, or has a link inside, is refused:
 * taken as a name it would open an empty workspace without a word.
 *
 * @throws {InvalidTopicError} for a broken link, or a name that is empty, too long or has invisible characters.
 */
export function parseTopic(crypto: Crypto, text: string): Topic {
  if (text.length > MAX_LINK_CHARS * 2) throw new InvalidTopicError(`this is longer than any link or name; ${ADVICE}`)
  const plain = text.normalize('NFKC').toLowerCase()
  if (LOOKS_LIKE_LINK.test(plain)) return { kind: 'link', ...parseLink(crypto, plain) }
  if (/collab1[wrb][a-z2-7]{40}/.test(plain)) throw new InvalidTopicError('there is a link inside this text; give the link alone')
  if (isBeheadedLink(crypto, plain)) {
    throw new InvalidTopicError(`this is a link whose beginning is damaged (${LINK_PREFIX}...); copy the whole link again`)
  }
  return { kind: 'name', name: normaliseName(text) }
}

/**
 * The one spelling of a name: NFKC, lower case, each run of white space one space, none at the ends. Applying it
 * again changes nothing.
 *
 * @throws {InvalidTopicError} when nothing is left, it is too long, or it has characters that nobody sees.
 */
export function normaliseName(text: string): string {
  if (text.length > MAX_NAME_CHARS) throw new InvalidTopicError(`a name has at most ${MAX_NAME_CHARS} characters; ${ADVICE}`)
  const name = text.normalize('NFKC').toLowerCase().normalize('NFKC').replace(/\s+/g, ' ').trim()
  if (name === '') throw new InvalidTopicError(`the name is empty; ${ADVICE}`)
  if (!name.isWellFormed() || INVISIBLE.test(name)) {
    throw new InvalidTopicError('the name has control or invisible characters, which others could not type; type it by hand')
  }
  if (name.length > MAX_NAME_CHARS) throw new InvalidTopicError(`a name has at most ${MAX_NAME_CHARS} characters; ${ADVICE}`)
  return name
}

/** Control characters, zero-width space and word joiner, direction marks; not the joiners that scripts and emoji need. */
const INVISIBLE = /[\p{Cc}\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/u

/**
 * The keys of the workspace that everyone who types `name` shares: as strong as the name is hard to guess.
 *
 * @throws {InvalidTopicError} as `normaliseName`.
 */
export async function keysFromName(crypto: Crypto, name: string): Promise<WriteKeys> {
  const password = utf8(normaliseName(name))
  return keysFromWriteKey(crypto, await crypto.scrypt(password, utf8('collab/1 topic'), SCRYPT_COST_LOG2))
}
