/** Source of randomness, given from outside so that a run can be repeated from its seed. */
export interface Random {
  /** Uniform in 0 … 2^32-1. */
  nextUint32(): number;
}
