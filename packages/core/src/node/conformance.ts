export { registerStoreConformance } from '../store/store-conformance.js'
export type { StoreFixture, SuiteRunner } from '../store/store-conformance.js'
export { registerProviderConformance } from './provider-conformance.js'
export type { ProviderFixture, YjsProvider } from './provider-conformance.js'
