import { ref, shallowRef } from "vue";
import type { Ref, ShallowRef } from "vue";

/** Something that is done once the operator has said so twice. */
export interface Confirmed<T> {
  /** What is asked about; undefined while nothing is. */
  readonly subject: ShallowRef<T | undefined>;
  readonly isBusy: Ref<boolean>;
  /** Why it failed. */
  readonly problem: Ref<string>;
  ask(subject: T): void;
  cancel(): void;
  confirm(): Promise<void>;
}

export function useConfirmed<T>(act: (subject: T) => Promise<unknown>, onDone: () => void): Confirmed<T> {
  const subject = shallowRef<T>();
  const isBusy = ref(false);
  const problem = ref("");
  function cancel(): void {
    subject.value = undefined;
  }
  return {
    subject,
    isBusy,
    problem,
    ask(asked) {
      subject.value = asked;
      problem.value = "";
    },
    cancel,
    async confirm() {
      if (subject.value === undefined) return;
      isBusy.value = true;
      try {
        await act(subject.value);
        cancel();
        onDone();
      } catch (error) {
        problem.value = error instanceof Error ? error.message : String(error);
      } finally {
        isBusy.value = false;
      }
    },
  };
}
