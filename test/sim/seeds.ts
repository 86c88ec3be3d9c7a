/** Seeds that once failed, kept for ever. */
export const FAILED_SEEDS: readonly number[] = [1818]

/** The same, of runs with copied stores. */
export const FAILED_COPY_SEEDS: readonly number[] = []

/** The same, of runs with folders. */
export const FAILED_FOLDER_SEEDS: readonly number[] = [387, 694, 916, 1401, 1443, 1749, 1935, 1972, 2250, 2349, 2387]
