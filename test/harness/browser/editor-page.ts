import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BrowserContext, Page } from 'playwright-core'
import { eventually } from '../eventually.js'
import { bundle } from './bundle.js'
import { servePages } from './page-server.js'

const examples = resolve(fileURLToPath(import.meta.url), '../../../../examples')

/** Serves an example for browsers, whose folder holds `index.html` and `main.ts`. */
export async function serveExample(name: string): Promise<Awaited<ReturnType<typeof servePages>>> {
  const { code, complaints } = await bundle(`import '${examples}/${name}/main.ts'`, 'examples')
  if (complaints.length > 0) throw new Error(complaints.join('\n'))
  const html = readFileSync(`${examples}/${name}/index.html`, 'utf8').replace('main.ts', 'main.js')
  return await servePages({ 'index.html': html, 'main.js': code })
}

/** A tab in which somebody edits, as a user sees and types it. */
export class EditorPage {
  readonly page: Page
  readonly #area: string

  /** @param area selects what is typed into. */
  constructor(page: Page, area: string) {
    this.page = page
    this.#area = area
  }

  static async open(context: BrowserContext, url: string, area: string, settings: Readonly<Record<string, string>>): Promise<EditorPage> {
    const page = await context.newPage()
    await page.goto(`${url}/index.html#${new URLSearchParams(settings).toString()}`)
    await page.locator(area).waitFor()
    return new EditorPage(page, area)
  }

  async reload(): Promise<void> {
    await this.page.reload()
    await this.page.locator(this.#area).waitFor()
  }

  async text(): Promise<string> {
    return await this.page.locator(this.#area).evaluate((area) => {
      const own = (node: Node): string => (node instanceof HTMLElement && node.contentEditable === 'false' ? '' : node instanceof Text ? node.data : [...node.childNodes].map(own).join(''))
      return [...area.children].map(own).join('\n')
    })
  }

  async state(): Promise<string> {
    return (await this.page.locator('#state').textContent()) ?? ''
  }

  /** At the end of the text, key by key. */
  async type(text: string): Promise<void> {
    await this.page.locator(this.#area).focus()
    await this.page.keyboard.press('Control+End')
    await this.page.keyboard.type(text)
  }

  /** At the beginning. */
  async typeFirst(text: string): Promise<void> {
    await this.page.locator(this.#area).focus()
    await this.page.keyboard.press('Control+Home')
    await this.page.keyboard.type(text)
  }

  async until(what: string, state: string): Promise<void> {
    await eventually(what, async () => (await this.state()) === state, { otherwise: () => this.state() })
  }
}
