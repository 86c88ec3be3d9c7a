import type { Readable } from 'node:stream'

/** The first line of a stream, without its end; undefined when it is longer than `maxChars` or the stream fails. */
export async function readLine(stream: Readable, maxChars: number): Promise<string | undefined> {
  let text = ''
  stream.setEncoding('utf8')
  return await new Promise((resolve) => {
    const done = (line: string | undefined) => {
      stream.off('data', onData).off('end', onEnd).off('error', onFailure).off('close', onEnd)
      stream.pause()
      resolve(line)
    }
    const onData = (chunk: string) => {
      text += chunk
      const end = text.indexOf('\n')
      if (end >= 0) done(text.slice(0, end).replace(/\r$/, ''))
      else if (text.length > maxChars) done(undefined)
    }
    const onEnd = () => done(text === '' ? undefined : text)
    const onFailure = () => done(undefined)
    stream.on('data', onData).on('end', onEnd).on('error', onFailure).on('close', onEnd)
  })
}
