const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const LENGTH = 20;

/**
 * A new participant id: "p" and 100 random bits in base 32, so that none comes twice.
 *
 * @param random uniform in 0 … 1.
 */
export function makeParticipantId(random: () => number): string {
  let id = "p";
  for (let i = 0; i < LENGTH; i += 1) id += ALPHABET[Math.floor(random() * ALPHABET.length)];
  return id;
}
