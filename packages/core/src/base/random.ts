/** Randomness as an argument where a simulation must repeat: back-off jitter, choice of a peer. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number
}

export const systemRandom: Random = { next: () => Math.random() }
