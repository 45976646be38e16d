/** Whether a subject is one literal NATS subject: tokens without white space or wildcards, separated by dots. */
export function isSubject(subject: string): boolean {
  return /^[^\s.*>]+(?:\.[^\s.*>]+)*$/.test(subject);
}
