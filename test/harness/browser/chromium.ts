import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContext } from 'playwright-core'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome']

/** The browser of this machine; `CHROMIUM` names another one. */
export const chromiumPath = [process.env['CHROMIUM'] ?? '', ...PLACES].find((path) => path !== '' && existsSync(path))

/** For `describe.skipIf`, and the name of what is skipped. */
export const noChromium = chromiumPath === undefined
export const inChromium = noChromium ? 'skipped: no Chromium here (apt-get install chromium)' : 'in Chromium'
if (noChromium) process.stderr.write('Tests in a browser are skipped: no Chromium here (apt-get install chromium, or name one by CHROMIUM).\n')

const launch = { executablePath: chromiumPath ?? '', args: ['--disable-dev-shm-usage', '--disable-background-timer-throttling'] }

/** WebRTC as on a machine in a local network, whatever network this one has. */
export const DIRECT_HERE = ['--disable-features=WebRtcHideLocalIpsWithMdns', '--allow-loopback-in-peer-connection']

/** Each `newContext` of it is a profile of its own, in memory. */
export async function startChromium(flags: readonly string[] = []): Promise<Browser> {
  return await chromium.launch({ ...launch, args: [...launch.args, ...flags] })
}

/** One profile on the disk. */
export async function startProfile(directory: string): Promise<BrowserContext> {
  return await chromium.launchPersistentContext(directory, launch)
}
