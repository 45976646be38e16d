import type { CationError } from "@cation/client/errors";

/** What happened, and what one can do about it. */
export interface Words {
  readonly title: string;
  readonly advice: string;
}

const NOT_INVITED: Words = {
  title: "Your invitation to this room is not valid.",
  advice: "Open the link again as you were sent it, or ask for a new one.",
};
const UNREACHABLE_PART: Words = {
  title: "A part of the service is not reachable right now.",
  advice: "Calls that are running go on. Please try again in a moment.",
};

/** Server and SDK codes that a person can do something about; all others show the error's own message. */
const ERROR_WORDS: Readonly<Record<string, Words>> = {
  SIGNAL_UNREACHABLE: {
    title: "The server cannot be reached.",
    advice: "Check your internet connection, then try again.",
  },
  CONNECTION_LOST: { title: "The connection was lost.", advice: "Check your internet connection, then try again." },
  SESSION_REPLACED: {
    title: "You joined this room again somewhere else.",
    advice: "This page has left the room so that you are not in it twice.",
  },
  PARTICIPANT_REMOVED: {
    title: "You were removed from the room.",
    advice: "Ask the person who runs it if you think that was a mistake.",
  },
  ROOM_FULL: { title: "The room is full.", advice: "Try again when somebody has left." },
  CLUSTER_FULL: { title: "The service is full at the moment.", advice: "Please try again in a few minutes." },
  PERMISSION_DENIED: {
    title: "You are not allowed to do this here.",
    advice: "Your invitation does not include it. Ask the person who invited you.",
  },
  TOKEN_MISSING: NOT_INVITED,
  TOKEN_INVALID: NOT_INVITED,
  TOKEN_WRONG_ROOM: NOT_INVITED,
  TOKEN_EXPIRED: { title: "Your invitation has expired.", advice: "Open the link again, or ask for a new one." },
  TOKEN_UNAVAILABLE: {
    title: "This server gave no permission to enter.",
    advice: "Open the room with the link that you were sent. If that fails too, the service may be down.",
  },
  RATE_LIMITED: { title: "The server has too much to do.", advice: "Please wait a moment, then try again." },
  SFU_UNAVAILABLE: UNREACHABLE_PART,
  ISLB_UNAVAILABLE: UNREACHABLE_PART,
  STORE_UNAVAILABLE: UNREACHABLE_PART,
  REQUEST_TIMED_OUT: { title: "The server did not answer.", advice: "Please try again." },
  MEDIA_FAILED: {
    title: "Sound and picture cannot get through.",
    advice: "Your network blocks them. Try another network, or switch off a VPN or firewall.",
  },
};

/** An error of the SDK in words for everybody. */
export function errorWords(error: CationError): Words {
  const known = ERROR_WORDS[error.code];
  if (known !== undefined) return known;
  return { title: error.message, advice: error.retryable ? "Please try again." : "Reload the page to start anew." };
}

/** Why a camera or microphone cannot be used, from what getUserMedia rejected with (w3c mediacapture-main §10.3). */
export function deviceWords(kind: "camera" | "microphone", thrown: unknown): Words {
  const name = thrown instanceof Error ? thrown.name : "";
  switch (name) {
    case "NotAllowedError":
      return {
        title: `The ${kind} is blocked.`,
        advice: `Allow it with the ${kind} symbol in the browser's address bar, then try again. You can join without it.`,
      };
    case "NotFoundError":
    case "OverconstrainedError":
      return { title: `No ${kind} was found.`, advice: `Plug one in, or join without it.` };
    case "NotReadableError":
    case "AbortError":
      return {
        title: `The ${kind} could not be started.`,
        advice: "Another program may be using it. Close that program, then try again.",
      };
    case "SecurityError":
    case "InsecureContextError":
      return {
        title: `The browser allows no ${kind} on this page.`,
        advice: "Cameras and microphones need a secure address: open the page by https:// or on localhost.",
      };
    default:
      return { title: `The ${kind} cannot be used.`, advice: "Try again, or choose another device." };
  }
}

/** Why the screen is not shared; undefined when the person simply changed their mind. */
export function screenWords(thrown: unknown): Words | undefined {
  const name = thrown instanceof Error ? thrown.name : "";
  if (name === "NotAllowedError" || name === "AbortError") return undefined;
  if (name === "TypeError" || name === "NotSupportedError") {
    return { title: "This browser cannot share the screen.", advice: "Most phones cannot. Try it on a computer." };
  }
  return { title: "The screen could not be shared.", advice: "Try again, or choose another window." };
}

/** "1 person", "12 people". */
export function peopleInWords(count: number): string {
  return count === 1 ? "1 person" : `${count} people`;
}
