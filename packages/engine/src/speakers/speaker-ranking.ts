/** From here on a sound counts as speech: −55 dBov. */
const SPEECH_LOUDNESS = 72;
/** Weight of a new look in the loudness that ranks: a word counts, a click does not. */
const WEIGHT = 0.35;
/** Who is heard already is given so many dB, and more for the first second: voices of equal loudness do not alternate. */
const HEARD_BONUS = 6;
const FRESH_BONUS = 20;
const FRESH_US = 1_000_000;
/** Pauses between words: for so long a speaker still speaks. */
const PAUSE_US = 1_200_000;
/** Who takes over as dominant must be louder by so many dB for this long, or the other silent. */
const DOMINANCE_DB = 4;
const DOMINANCE_US = 500_000;

/** What is known of one voice. */
interface Voice<Id> {
  readonly id: Id;
  /** Smoothed, 0 … 127. */
  loudness: number;
  spokeAtUs: number;
  /** Since when it is among the loudest; -1 while it is not. */
  heardSinceUs: number;
}

/**
 * Ranks the voices of a room by loudness, with hysteresis, and says who dominates. Fed at regular intervals (100 ms); pure:
 * knows neither packets nor time but what it is told.
 */
export class SpeakerRanking<Id> {
  /** Voices that speak now, the loudest first. */
  readonly speaking: Id[] = [];
  /** All voices: those that speak, then the others by how recently they did. */
  readonly ranked: Id[] = [];
  /** Who speaks longest and loudest; the last one to do so while nobody speaks. */
  dominant: Id | undefined;

  readonly #count: number;
  readonly #voices = new Map<Id, Voice<Id>>();
  readonly #order: Voice<Id>[] = [];
  #challenger: Id | undefined;
  #challengedAtUs = 0;

  /** `count` voices are heard at once. */
  constructor(count: number) {
    this.#count = count;
  }

  add(id: Id): void {
    if (this.#voices.has(id)) return;
    const voice = { id, loudness: 0, spokeAtUs: Number.NEGATIVE_INFINITY, heardSinceUs: -1 };
    this.#voices.set(id, voice);
    this.#order.push(voice);
    this.ranked.push(id);
  }

  remove(id: Id): void {
    const voice = this.#voices.get(id);
    if (voice === undefined) return;
    this.#voices.delete(id);
    this.#order.splice(this.#order.indexOf(voice), 1);
    removeFrom(this.ranked, id);
    removeFrom(this.speaking, id);
    if (this.dominant === id) this.dominant = undefined;
    if (this.#challenger === id) this.#challenger = undefined;
  }

  has(id: Id): boolean {
    return this.#voices.has(id);
  }

  /** Whether anybody is speaking, or was a moment ago: otherwise looks may be less frequent. */
  get isQuiet(): boolean {
    return this.speaking.length === 0;
  }

  /** Looks at everybody's loudness, 0 … 127. True where who speaks, their order, or who dominates has changed. */
  look(loudnessOf: (id: Id) => number, nowUs: number): boolean {
    for (const voice of this.#order) {
      voice.loudness += (loudnessOf(voice.id) - voice.loudness) * WEIGHT;
      if (voice.loudness >= SPEECH_LOUDNESS) voice.spokeAtUs = nowUs;
    }
    this.#order.sort((a, b) => rankOf(b, nowUs) - rankOf(a, nowUs) || compareTimes(b.spokeAtUs, a.spokeAtUs));
    let changed = false;
    this.ranked.length = 0;
    let speakers = 0;
    for (const [i, voice] of this.#order.entries()) {
      this.ranked.push(voice.id);
      const speaks = nowUs - voice.spokeAtUs < PAUSE_US;
      if (!speaks || i >= this.#count) voice.heardSinceUs = -1;
      else if (voice.heardSinceUs < 0) voice.heardSinceUs = nowUs;
      if (!speaks) continue;
      if (this.speaking[speakers] !== voice.id) changed = true;
      this.speaking[speakers++] = voice.id;
    }
    if (this.speaking.length !== speakers) changed = true;
    this.speaking.length = speakers;
    return this.#updateDominant(nowUs) || changed;
  }

  /** The loudest that speak, at most so many. */
  loudest(count: number): readonly Id[] {
    return this.speaking.slice(0, count);
  }

  #updateDominant(nowUs: number): boolean {
    const before = this.dominant;
    const loudest = this.#voices.get(this.speaking[0]);
    if (loudest === undefined || loudest.id === before) {
      this.#challenger = undefined;
      return false;
    }
    const present = before === undefined ? undefined : this.#voices.get(before);
    const isPresentSilent = present === undefined || nowUs - present.spokeAtUs >= PAUSE_US;
    if (!isPresentSilent && loudest.loudness < present.loudness + DOMINANCE_DB) {
      this.#challenger = undefined;
      return false;
    }
    if (this.#challenger !== loudest.id) {
      this.#challenger = loudest.id;
      this.#challengedAtUs = nowUs;
    }
    if (!isPresentSilent && nowUs - this.#challengedAtUs < DOMINANCE_US) return false;
    this.#challenger = undefined;
    this.dominant = loudest.id;
    return true;
  }
}

/** Speakers by loudness with the bonus of being heard; −∞ for who is silent. */
function rankOf({ loudness, spokeAtUs, heardSinceUs }: Voice<unknown>, nowUs: number): number {
  if (nowUs - spokeAtUs >= PAUSE_US) return -1;
  if (heardSinceUs < 0) return loudness;
  return loudness + (nowUs - heardSinceUs < FRESH_US ? FRESH_BONUS : HEARD_BONUS);
}

function compareTimes(a: number, b: number): number {
  if (a === b) return 0;
  return a > b ? 1 : -1;
}

function removeFrom<T>(list: T[], item: T): void {
  const index = list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
}
