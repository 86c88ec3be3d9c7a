export { webRtc } from '../net/browser-webrtc.js'
export type { WebRtcOptions } from '../net/browser-webrtc.js'
