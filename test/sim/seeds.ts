/** Seeds that once failed, kept for ever. */
export const FAILED_SEEDS: readonly number[] = []
