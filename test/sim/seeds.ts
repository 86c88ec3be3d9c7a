/** Seeds that once failed, kept for ever. */
export const FAILED_SEEDS: readonly number[] = [1818]

/** The same, of runs with copied stores. */
export const FAILED_COPY_SEEDS: readonly number[] = [100043]

/** The same, of runs with folders. */
export const FAILED_FOLDER_SEEDS: readonly number[] = [46, 387, 694, 916, 1401, 1443, 1749, 1935, 1972, 2250, 2349, 2387, 400414, 400430, 400542, 700423, 700461, 700557, 700619, 730019, 780487, 780647, 810843, 811849, 910343, 910575, 912247, 960088]

/** The same, of live documents. */
export const FAILED_LIVE_SEEDS: readonly number[] = [29, 37, 47]

/** The same, of runs in which peers leave old edits to others. */
export const FAILED_PRUNING_SEEDS: readonly number[] = []

/** The same, with copied stores. */
export const FAILED_PRUNING_COPY_SEEDS: readonly number[] = [870010, 871001]
