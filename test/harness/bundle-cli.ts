/** Before any test: the program that real processes run is the one that was built last. */
export async function setup(): Promise<void> {
  // @ts-expect-error a script without types
  await import('../../packages/cli/bundle.js')
}
